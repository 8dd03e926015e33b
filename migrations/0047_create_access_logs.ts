import type { Knex } from 'knex';
import { appendOnly } from './triggers';

/** What people looked at: every read of what is somebody's, and of the audit log itself. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS access_logs (
      id BIGINT NOT NULL AUTO_INCREMENT,
      actor VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      role VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      rpc VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      subject_type VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      subject_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      KEY access_logs_by_subject (subject_type, subject_id, create_time, id),
      KEY access_logs_by_kind (subject_type, create_time, id),
      KEY access_logs_by_user (user_id, create_time, id),
      KEY access_logs_by_actor (actor, create_time, id),
      KEY access_logs_by_time (create_time, id)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'access_logs');
}
