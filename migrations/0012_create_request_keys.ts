import type { Knex } from 'knex';
import { appendOnly } from './triggers';

/** Idempotency keys of every command but quota's (whose log is its own), with the content's hash and the response. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS request_keys (
      owner VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      service VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      request_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      kind VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      content_hash BINARY(32) NOT NULL,
      response TEXT NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (owner, service, request_id),
      CONSTRAINT request_keys_response_json CHECK (JSON_VALID(response))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'request_keys');
}
