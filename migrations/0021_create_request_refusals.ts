import type { Knex } from 'knex';

/**
 * Refused quota commands, so that ExplainRequest can say why: a diagnosis for 30 days, written off the transaction, and
 * lost rather than waited for. No history and no money: the one table whose old rows the application may delete.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS request_refusals (
      id BIGINT NOT NULL AUTO_INCREMENT,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      request_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      kind VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      content TEXT NOT NULL,
      code VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      reason VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      metadata TEXT NOT NULL,
      actor VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      KEY request_refusals_by_request (user_id, request_id, id),
      KEY request_refusals_by_time (create_time),
      CONSTRAINT request_refusals_content_json CHECK (JSON_VALID(content)),
      CONSTRAINT request_refusals_metadata_json CHECK (JSON_VALID(metadata))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
}
