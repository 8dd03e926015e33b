import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/**
 * Financial reviews: who asked for one, how far it is, and the signed document that it came to, which never changes. One
 * is open at a time: it reads the whole database.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS reviews (
      id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      reviewer VARCHAR(64) NOT NULL,
      requested_by VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      lease_time DATETIME(3) NULL,
      progress TEXT NOT NULL,
      error VARCHAR(1000) NOT NULL DEFAULT '',
      verdict VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL,
      severe INT NULL,
      medium INT NULL,
      minor INT NULL,
      document MEDIUMTEXT NULL,
      create_time DATETIME(3) NOT NULL,
      start_time DATETIME(3) NULL,
      end_time DATETIME(3) NULL,
      open_key VARCHAR(4) CHARACTER SET ascii COLLATE ascii_bin
        GENERATED ALWAYS AS (CASE WHEN end_time IS NULL THEN 'open' END) STORED,
      PRIMARY KEY (id),
      UNIQUE KEY uk_reviews_open (open_key),
      CONSTRAINT reviews_state CHECK (state IN ('requested', 'running', 'done', 'failed')),
      CONSTRAINT reviews_ended CHECK ((state IN ('done', 'failed')) = (end_time IS NOT NULL)),
      CONSTRAINT reviews_done CHECK ((state = 'done') = (document IS NOT NULL) AND (document IS NULL) = (verdict IS NULL)),
      CONSTRAINT reviews_verdict CHECK (verdict IN ('passed', 'failed')),
      CONSTRAINT reviews_progress_json CHECK (JSON_VALID(progress)),
      CONSTRAINT reviews_document_json CHECK (document IS NULL OR JSON_VALID(document))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'reviews', {
    always: ['id', 'reviewer', 'requested_by', 'create_time'],
    onceSet: ['start_time', 'end_time', 'document', 'verdict'],
    refuseWhen: [{ condition: 'OLD.end_time IS NOT NULL', message: 'a review that has ended stays as it is' }],
  });
}
