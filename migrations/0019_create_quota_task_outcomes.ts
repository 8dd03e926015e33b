import type { Knex } from 'knex';
import { appendOnly } from './triggers';

/** What was reported about tasks (ReportTaskOutcome), under its request_id, with the rows of the log that followed. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS quota_task_outcomes (
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      request_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      request_hash BINARY(32) NOT NULL,
      task_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      outcome VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      charges_settled INT NOT NULL,
      first_sequence BIGINT NULL,
      last_sequence BIGINT NULL,
      quota_remaining BIGINT NOT NULL,
      actor VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (user_id, request_id),
      CONSTRAINT quota_task_outcomes_outcome_known CHECK (outcome IN ('SUCCEEDED', 'FAILED')),
      CONSTRAINT quota_task_outcomes_rows CHECK (
        (first_sequence IS NULL) = (last_sequence IS NULL) AND (first_sequence IS NULL OR first_sequence <= last_sequence)),
      CONSTRAINT quota_task_outcomes_amounts CHECK (charges_settled >= 0 AND quota_remaining >= 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'quota_task_outcomes');
}
