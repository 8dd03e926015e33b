import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/** Charges whose task's outcome stayed unknown past the second deadline: people look at them until they are settled. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS settlement_cases (
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      sequence BIGINT NOT NULL,
      task_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      kind VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      units BIGINT NOT NULL,
      reason VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      open_time DATETIME(3) NOT NULL,
      resolve_time DATETIME(3) NULL,
      PRIMARY KEY (user_id, sequence),
      KEY settlement_cases_by_open (resolve_time, open_time),
      CONSTRAINT settlement_cases_kind_known CHECK (kind IN ('consume', 'hold')),
      CONSTRAINT settlement_cases_reason_known CHECK (reason IN ('unknown', 'running', 'unreachable', 'nobody_to_ask')),
      CONSTRAINT settlement_cases_times CHECK (resolve_time IS NULL OR resolve_time >= open_time)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'settlement_cases', {
    always: ['user_id', 'sequence', 'task_id', 'kind', 'units', 'reason', 'open_time'],
    onceSet: ['resolve_time'],
  });
}
