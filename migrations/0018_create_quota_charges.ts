import type { Knex } from 'knex';
import { refuseUpdateWhen, refuseRowDelete } from './triggers';

/**
 * Charges: one row for each CONSUME and HOLD of the log, with what came back of it and whether it is settled. The log is
 * the truth; this is where a task's charges are found, and where the sweeper sees what is due (`due_time`).
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS quota_charges (
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      task_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      sequence BIGINT NOT NULL,
      kind VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      units BIGINT NOT NULL,
      returned BIGINT NOT NULL DEFAULT 0,
      state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      settle_deadline DATETIME(3) NULL,
      case_deadline DATETIME(3) NULL,
      grace_days INT NOT NULL,
      due_time DATETIME(3) NULL,
      late_returns TEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
      PRIMARY KEY (user_id, task_id, sequence),
      KEY quota_charges_by_due_time (due_time),
      CONSTRAINT quota_charges_kind_known CHECK (kind IN ('consume', 'hold')),
      CONSTRAINT quota_charges_state_known CHECK (state IN ('open', 'settled', 'released')),
      CONSTRAINT quota_charges_units CHECK (units > 0 AND returned >= 0 AND returned <= units),
      CONSTRAINT quota_charges_open_hold_is_whole CHECK (kind = 'consume' OR state <> 'open' OR returned = 0),
      CONSTRAINT quota_charges_released_is_whole
        CHECK (state <> 'released' OR (kind = 'hold' AND returned = units)),
      CONSTRAINT quota_charges_settled_is_not_due CHECK (state = 'open' OR due_time IS NULL),
      CONSTRAINT quota_charges_late_returns_json CHECK (late_returns IS NULL OR JSON_VALID(late_returns))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await chargeEarlierConsumes(knex);
  await refuseUpdateWhen(knex, 'quota_charges', {
    name: 'frozen',
    condition: `OLD.user_id <> NEW.user_id OR OLD.task_id <> NEW.task_id OR OLD.sequence <> NEW.sequence
      OR OLD.kind <> NEW.kind OR OLD.units <> NEW.units OR OLD.grace_days <> NEW.grace_days
      OR NOT (OLD.settle_deadline <=> NEW.settle_deadline) OR NOT (OLD.case_deadline <=> NEW.case_deadline)`,
    message: 'what was charged, and its deadlines, are frozen',
  });
  await refuseUpdateWhen(knex, 'quota_charges', {
    name: 'settled_once',
    condition: `(OLD.state <> 'open' AND NEW.state <> OLD.state) OR NEW.returned < OLD.returned`,
    message: 'a charge is settled once, and what came back is not taken again',
  });
  await refuseRowDelete(knex, 'quota_charges');
}

/**
 * Consumes from before are charges too: settled, because nobody was asked to report about their tasks. The deadline of
 * units that came back too late is fixed by their first return: it is that of the lot that replaced them then.
 */
async function chargeEarlierConsumes(knex: Knex): Promise<void> {
  await knex.raw(`
    INSERT INTO quota_charges (user_id, task_id, sequence, kind, units, returned, state, grace_days, late_returns)
    SELECT l.user_id, l.task_id, l.sequence, 'consume', l.units, COALESCE(r.units, 0), 'settled', 7, t.late_returns
    FROM quota_logs l
    LEFT JOIN (
      SELECT user_id, consume_sequence, SUM(units) AS units FROM quota_logs WHERE type = 'REFUND' GROUP BY 1, 2
    ) r ON r.user_id = l.user_id AND r.consume_sequence = l.sequence
    LEFT JOIN (${LATE_RETURNS}) t ON t.user_id = l.user_id AND t.consume_sequence = l.sequence
    LEFT JOIN quota_charges c ON c.user_id = l.user_id AND c.task_id = l.task_id AND c.sequence = l.sequence
    WHERE l.type = 'CONSUME' AND c.user_id IS NULL`);
}

/** `[[lot, deadline in ms], …]` of each consume, from the compensations of its refunds, whose source_ref is refund:lot. */
const LATE_RETURNS = `
  SELECT user_id, consume_sequence,
    CONCAT('[', GROUP_CONCAT(CONCAT('[', grant_id, ',', deadline_ms, ']') ORDER BY grant_id), ']') AS late_returns
  FROM (
    SELECT r.user_id, r.consume_sequence, SUBSTRING_INDEX(g.source_ref, ':', -1) AS grant_id,
      MIN(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', g.expire_time) DIV 1000) AS deadline_ms
    FROM quota_grants g
    JOIN quota_logs r ON r.user_id = g.user_id AND r.sequence = SUBSTRING_INDEX(g.source_ref, ':', 1) AND r.type = 'REFUND'
    WHERE g.source = 'compensation'
    GROUP BY 1, 2, 3
  ) d
  GROUP BY 1, 2`;
