import type { Knex } from 'knex';
import { hasColumn, hasIndex } from './schema-facts';
import { appendOnly, refuseRowDelete, refuseUpdateWhen } from './triggers';

/**
 * Audit rows say in which role and by which request something was done, are found by time whatever else is asked, and are
 * sealed: each gets a place in one chain of hashes, shortly after it was committed (docs/adr/0012). Rows that are there
 * already keep NULL in the new columns and are sealed as they are.
 */
export async function up(knex: Knex): Promise<void> {
  await addColumns(knex);
  await indexByTime(knex);
  await createChain(knex);
  await createHead(knex);
}

async function addColumns(knex: Knex): Promise<void> {
  if (!(await hasColumn(knex, 'audit_logs', 'role'))) {
    await knex.raw('ALTER TABLE audit_logs ADD COLUMN role VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL');
  }
  if (!(await hasColumn(knex, 'audit_logs', 'request'))) {
    await knex.raw('ALTER TABLE audit_logs ADD COLUMN request VARCHAR(160) CHARACTER SET ascii COLLATE ascii_bin NULL');
  }
}

/** The new indexes are there before the old ones go. */
async function indexByTime(knex: Knex): Promise<void> {
  for (const { columns, was, isNow } of [
    { columns: 'actor', was: 'audit_logs_by_actor', isNow: 'audit_logs_by_actor_time' },
    { columns: 'user_id', was: 'audit_logs_by_user', isNow: 'audit_logs_by_user_time' },
    { columns: 'subject_type, subject_id', was: 'audit_logs_by_subject', isNow: 'audit_logs_by_subject_time' },
    { columns: 'subject_type', isNow: 'audit_logs_by_kind_time' },
  ]) {
    if (!(await hasIndex(knex, 'audit_logs', isNow))) {
      await knex.raw(`CREATE INDEX ${isNow} ON audit_logs (${columns}, create_time, id)`);
    }
    if (was !== undefined && (await hasIndex(knex, 'audit_logs', was)))
      await knex.raw(`DROP INDEX ${was} ON audit_logs`);
  }
}

/** Which audit row stands at which place, and the hash of the chain there. */
async function createChain(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS audit_chain (
      position BIGINT NOT NULL,
      audit_id BIGINT NOT NULL,
      hash_version TINYINT NOT NULL,
      hash BINARY(32) NOT NULL,
      PRIMARY KEY (position),
      UNIQUE KEY uk_audit_chain_audit (audit_id),
      CONSTRAINT audit_chain_position CHECK (position > 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'audit_chain');
}

/**
 * The end of the chain, one row: its last place and hash; the greatest id that was reached; the ids below it that were not
 * there, because whoever drew them had not committed or never will; and the greatest id before there was a chain, below
 * which nobody is waited for.
 */
async function createHead(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS audit_chain_head (
      id TINYINT NOT NULL,
      position BIGINT NOT NULL,
      hash BINARY(32) NOT NULL,
      reached_id BIGINT NOT NULL,
      gaps MEDIUMTEXT NOT NULL,
      born_id BIGINT NOT NULL,
      PRIMARY KEY (id),
      CONSTRAINT audit_chain_head_one CHECK (id = 1),
      CONSTRAINT audit_chain_head_numbers CHECK (position >= 0 AND reached_id >= 0 AND born_id >= 0),
      CONSTRAINT audit_chain_head_gaps CHECK (JSON_VALID(gaps))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await knex.raw(`
    INSERT INTO audit_chain_head (id, position, hash, reached_id, gaps, born_id)
    SELECT 1, 0, REPEAT(CHAR(0), 32), 0, '[]', (SELECT COALESCE(MAX(a.id), 0) FROM audit_logs a)
    FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM audit_chain_head h WHERE h.id = 1)`);
  await refuseUpdateWhen(knex, 'audit_chain_head', {
    name: 'only_forward',
    condition:
      'NOT (OLD.id <=> NEW.id) OR NOT (OLD.born_id <=> NEW.born_id) OR NEW.position < OLD.position OR ' +
      'NEW.reached_id < OLD.reached_id OR (NEW.position = OLD.position AND NOT (OLD.hash <=> NEW.hash))',
    message: 'the chain only grows',
  });
  await refuseRowDelete(knex, 'audit_chain_head');
}
