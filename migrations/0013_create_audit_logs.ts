import type { Knex } from 'knex';
import { appendOnly } from './triggers';

/** Who changed what, and why: every change of something other than quota. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS audit_logs (
      id BIGINT NOT NULL AUTO_INCREMENT,
      action VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      actor VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      subject_type VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      subject_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      cause VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      before_state TEXT NULL,
      after_state TEXT NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      KEY audit_logs_by_subject (subject_type, subject_id, id),
      KEY audit_logs_by_user (user_id, id),
      KEY audit_logs_by_actor (actor, id),
      KEY audit_logs_by_time (create_time, id),
      CONSTRAINT audit_logs_before_json CHECK (before_state IS NULL OR JSON_VALID(before_state)),
      CONSTRAINT audit_logs_after_json CHECK (JSON_VALID(after_state))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'audit_logs');
}
