import type { Knex } from 'knex';
import { freezeColumns, refuseInsertWhen } from './triggers';

/**
 * Signed statements of where every log stands, each of which names the one before. The file that is handed out is the evidence: this is
 * our own copy. The hour is no key, and no clock is asked: who may insert could take hours away from the anchors to come. Which
 * rows are believed, the signature says.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS audit_anchors (
      number BIGINT NOT NULL,
      slot VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      hash BINARY(32) NOT NULL,
      previous_hash BINARY(32) NULL,
      root BINARY(32) NOT NULL,
      document TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      signature BINARY(64) NOT NULL,
      create_time DATETIME(3) NOT NULL,
      export_time DATETIME(3) NULL,
      PRIMARY KEY (number),
      UNIQUE KEY uk_audit_anchors_hash (hash),
      KEY audit_anchors_by_export (export_time, number),
      CONSTRAINT audit_anchors_number_positive CHECK (number > 0),
      CONSTRAINT audit_anchors_first CHECK ((number = 1) = (previous_hash IS NULL)),
      CONSTRAINT audit_anchors_document_json CHECK (JSON_VALID(document))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'audit_anchors', {
    always: ['number', 'slot', 'hash', 'previous_hash', 'root', 'document', 'signature', 'create_time'],
    onceSet: ['export_time'],
  });
  await refuseInsertWhen(knex, 'audit_anchors', {
    name: 'follows',
    condition:
      'NEW.number > 1 AND NOT EXISTS (SELECT 1 FROM audit_anchors a WHERE a.number = NEW.number - 1 AND a.hash = NEW.previous_hash)',
    message: 'an anchor names the one before',
  });
}
