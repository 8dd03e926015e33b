import type { Knex } from 'knex';
import { hasColumn, hasIndex } from './schema-facts';
import { freezeColumns, refuseUpdateWhen, setOnInsert, setOnUpdate } from './triggers';

/**
 * Rotation of the data keys. Every sealed value gets the id of its key in a column of its own, taken from the value by
 * triggers, so that what is sealed with an old key is found by an index, whatever wrote it; and what a rotation has done is
 * remembered, so that another process goes on with it.
 */

const SEALED = [
  { table: 'order_payers', id: 'order_id', column: 'sealed_payer' },
  { table: 'wechatpay_notification_bodies', id: 'id', column: 'sealed_body' },
] as const;
type Sealed = (typeof SEALED)[number];

/** Rows that are given their key id in one statement: those of before are many, and calls go on meanwhile. */
const BACKFILL_ROWS = 1_000;

export async function up(knex: Knex): Promise<void> {
  for (const sealed of SEALED) await nameKeys(knex, sealed);
  await createRotations(knex);
  await createColumns(knex);
}

/** The layout is version, length of the key id, key id; LEAST bounds what is no sealed value. */
const keyOf = (value: string): string => `SUBSTRING(${value}, 3, LEAST(16, ORD(SUBSTRING(${value}, 2, 1))))`;

async function nameKeys(knex: Knex, sealed: Sealed): Promise<void> {
  const { table, id, column } = sealed;
  if (!(await hasColumn(knex, table, 'sealed_key'))) {
    await knex.raw(`ALTER TABLE ${table} ADD COLUMN sealed_key VARBINARY(16) NOT NULL DEFAULT ''`);
  }
  await setOnInsert(knex, table, {
    name: 'names_key',
    condition: 'TRUE',
    set: `NEW.sealed_key = ${keyOf(`NEW.${column}`)}`,
  });
  if (!(await hasIndex(knex, table, `${table}_by_key`))) {
    await nameKeysOfBefore(knex, sealed);
    await knex.raw(`ALTER TABLE ${table} ADD INDEX ${table}_by_key (sealed_key, ${id})`);
  }
  await refuseUpdateWhen(knex, table, {
    name: 'key_is_named_by_value',
    condition: 'NOT (OLD.sealed_key <=> NEW.sealed_key)',
    message: 'the id of the key is taken from the value',
  });
  await setOnUpdate(knex, table, {
    name: 'names_key_again',
    condition: `NOT (OLD.${column} <=> NEW.${column})`,
    set: `NEW.sealed_key = ${keyOf(`NEW.${column}`)}`,
  });
}

async function nameKeysOfBefore(knex: Knex, { table, id, column }: Sealed): Promise<void> {
  let after = '';
  for (;;) {
    const next = `SELECT ${id} AS id FROM ${table} WHERE ${id} > ? ORDER BY ${id} LIMIT ${BACKFILL_ROWS}`;
    const [rows] = (await knex.raw(next, [after])) as [readonly { readonly id: string }[]];
    const last = rows.at(-1)?.id;
    if (last === undefined) return;
    const these = `${id} > ? AND ${id} <= ?`;
    await knex.raw(`UPDATE ${table} SET sealed_key = ${keyOf(column)} WHERE ${these}`, [after, last]);
    after = last;
  }
}

async function createRotations(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS key_rotations (
      id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      key_id VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      requested_by VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      create_time DATETIME(3) NOT NULL,
      end_time DATETIME(3) NULL,
      running VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin
        GENERATED ALWAYS AS (CASE WHEN end_time IS NULL THEN 'one' END) STORED,
      PRIMARY KEY (id),
      UNIQUE KEY uk_key_rotations_running (running),
      CONSTRAINT key_rotations_state CHECK (state IN ('running', 'done', 'superseded')),
      CONSTRAINT key_rotations_ended CHECK ((state = 'running') = (end_time IS NULL))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'key_rotations', {
    always: ['id', 'key_id', 'requested_by', 'create_time'],
    onceSet: ['end_time'],
    refuseWhen: [{ condition: 'OLD.end_time IS NOT NULL', message: 'a rotation that has ended stays as it is' }],
  });
}

/** How far a rotation has come in each column: where its pass stands, in the order of the index. */
async function createColumns(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS key_rotation_columns (
      rotation_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      sealed_column VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      after_key VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      after_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      resealed BIGINT NOT NULL,
      unreadable BIGINT NOT NULL,
      next_pass_time DATETIME(3) NOT NULL,
      PRIMARY KEY (rotation_id, sealed_column),
      CONSTRAINT key_rotation_columns_counts CHECK (resealed >= 0 AND unreadable >= 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'key_rotation_columns', {
    always: ['rotation_id', 'sealed_column'],
    refuseWhen: [{ condition: 'NEW.resealed < OLD.resealed', message: 'what was sealed anew is not taken back' }],
  });
}
