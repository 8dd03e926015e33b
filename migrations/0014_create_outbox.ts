import type { Knex } from 'knex';
import { appendOnly } from './triggers';

/** Events of committed changes, written in the transaction of the change, in order per user. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS outbox (
      id BIGINT NOT NULL AUTO_INCREMENT,
      type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      payload TEXT NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      CONSTRAINT outbox_payload_json CHECK (JSON_VALID(payload))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'outbox');
}
