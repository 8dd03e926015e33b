import type { Knex } from 'knex';
import { hasCheck, hasColumn, hasIndex } from './schema-facts';
import { refuseRowDelete, refuseUpdateWhen } from './triggers';

const COLUMNS: Readonly<Record<string, string>> = {
  approve_deadline: 'DATETIME(3) NULL',
  decision: 'VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL',
  decided_by: 'VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL',
  decide_time: 'DATETIME(3) NULL',
  decision_reason: "VARCHAR(256) NOT NULL DEFAULT ''",
};

/** COALESCE throughout: a CHECK that comes to NULL refuses nothing. */
const CHECKS: Readonly<Record<string, string>> = {
  refunds_statuses: "status IN ('proposed', 'created', 'processing', 'succeeded', 'closed', 'abnormal', 'failed')",
  refunds_decision_known: "COALESCE(decision, 'approved') IN ('approved', 'rejected', 'expired')",
  refunds_decision_whole: `(decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decide_time IS NULL)
    AND (decision IS NULL OR approve_deadline IS NOT NULL)`,
  refunds_proposed:
    "status <> 'proposed' OR (approve_deadline IS NOT NULL AND next_attempt_time IS NULL AND cause = 'requested')",
  // What was proposed is sent by no way but an approval.
  refunds_decided: `approve_deadline IS NULL OR (status = 'proposed') = (decision IS NULL)
    AND (status IN ('proposed', 'closed') OR COALESCE(decision, '') = 'approved')`,
  refunds_by_two: `COALESCE(decision, '') <> 'approved'
    OR SUBSTRING_INDEX(decided_by, '/', -1) <> SUBSTRING_INDEX(requested_by, '/', -1)`,
};

/** What 0029 froze, and the deadline. */
const FROZEN = [
  ...['id', 'order_id', 'user_id', 'payment_id', 'transaction_id', 'cause', 'amount', 'total', 'currency', 'reason'],
  ...['requested_by', 'notify_url', 'replaces', 'frozen_units', 'freeze_sequence', 'paused_grant_time', 'create_time'],
  'approve_deadline',
];
const ONCE_SET = ['refund_id', 'success_time', 'apply_time', 'decision', 'decided_by', 'decide_time'];

/**
 * Refunds that one person may not make alone are proposed first, and another person approves or rejects them: `approve_deadline`
 * is set of those alone. A proposal has set aside what it will end; it is sent only once it is approved, which the database
 * makes sure of. `refund_alone_days` counts what each person refunded alone on a business day.
 */
export async function up(knex: Knex): Promise<void> {
  for (const [name, definition] of Object.entries(COLUMNS)) {
    if (await hasColumn(knex, 'refunds', name)) continue;
    await knex.raw(`ALTER TABLE refunds ADD COLUMN ${name} ${definition}`);
  }
  for (const [name, condition] of Object.entries(CHECKS)) {
    if (await hasCheck(knex, 'refunds', name)) continue;
    await knex.raw(`ALTER TABLE refunds ADD CONSTRAINT ${name} CHECK (${condition})`);
  }
  // It knew no proposals.
  if (await hasCheck(knex, 'refunds', 'refunds_status_known')) {
    await knex.raw('ALTER TABLE refunds DROP CONSTRAINT refunds_status_known');
  }
  if (!(await hasIndex(knex, 'refunds', 'refunds_by_deadline'))) {
    await knex.raw('ALTER TABLE refunds ADD INDEX refunds_by_deadline (status, approve_deadline)');
  }
  await guardMoves(knex);
  await countDays(knex);
}

async function guardMoves(knex: Knex): Promise<void> {
  const frozen = FROZEN.map((column) => `NOT (OLD.${column} <=> NEW.${column})`);
  const onceSet = ONCE_SET.map((column) => `(OLD.${column} IS NOT NULL AND NOT (OLD.${column} <=> NEW.${column}))`);
  await refuseUpdateWhen(knex, 'refunds', {
    name: 'columns_frozen',
    condition: [...frozen, ...onceSet].join(' OR '),
    message: 'identity and money columns are frozen',
  });
  await refuseUpdateWhen(knex, 'refunds', {
    name: 'never_goes_back',
    condition: `OLD.status <> NEW.status AND (OLD.status IN ('succeeded', 'closed', 'failed') OR NEW.status = 'proposed'
      OR (NEW.status = 'created' AND OLD.status <> 'proposed') OR (OLD.status = 'proposed' AND NEW.status NOT IN ('created', 'closed')))`,
    message: 'a refund never goes back',
  });
  await refuseUpdateWhen(knex, 'refunds', {
    name: 'decided_once',
    condition:
      'NOT (OLD.decision_reason <=> NEW.decision_reason) AND (OLD.decision IS NOT NULL OR NEW.decision IS NULL)',
    message: 'a decision stays as it is',
  });
  // All of it stands in the three above; it refused that a proposal becomes `created`.
  await knex.raw('DROP TRIGGER IF EXISTS refunds_frozen');
}

async function countDays(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS refund_alone_days (
      person VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      business_day DATE NOT NULL,
      amount BIGINT NOT NULL,
      PRIMARY KEY (person, business_day),
      CONSTRAINT refund_alone_days_amount CHECK (amount >= 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await refuseUpdateWhen(knex, 'refund_alone_days', {
    name: 'counts_up',
    condition: 'OLD.person <> NEW.person OR OLD.business_day <> NEW.business_day OR NEW.amount < OLD.amount',
    message: 'what was refunded alone only grows',
  });
  await refuseRowDelete(knex, 'refund_alone_days');
}
