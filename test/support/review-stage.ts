import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { FieldCipher } from '../../src/platform/crypto/field-cipher';
import { AnchorStage } from './anchor-stage';
import { openTestDatabase, type Row, type TestDatabase } from './database';
import { startHarness } from './harness';
import { readInfra } from './infra';
import { makeKeyFile } from './key-file';
import { playEverything, TWO_PEOPLE_ABOVE } from './review-play';

/**
 * A database that the service filled with something of everything, in which nothing is wrong and nothing is in limbo: what the
 * financial review is tried on. Insiders tamper with it and it is put back.
 */
export interface ReviewStage {
  readonly db: TestDatabase;
  /** The time at which the service stopped: a review of then finds nothing overdue. */
  readonly now: Date;
  /** Whoever may do everything. */
  readonly root: Connection;
  /** The name of the database that has all tables as they were. */
  readonly kept: string;
  /** The anchors that were made of it. */
  readonly anchors: AnchorStage;
  /** What opens everything that the service sealed. */
  readonly cipher: FieldCipher;
}

/** Opens the stage, and fills it. */
export async function openReviewStage(): Promise<ReviewStage> {
  const infra = readInfra();
  const db = await openTestDatabase(infra);
  const keys = makeKeyFile(infra.dataKeys);
  const h = await startHarness({
    ...{ DATABASE_URL: db.url, DATA_KEYS_FILE: keys.path, SECRET_FILES_POLL_MS: '500' },
    REFUND_SECOND_PERSON_FEN: String(TWO_PEOPLE_ABOVE),
  });
  const anchors = await AnchorStage.open(db, infra, h.clock);
  try {
    await playEverything({ ...h, db }, keys);
    await anchors.untilSealed();
    for (const slot of ['2026-01-31T14', '2026-01-31T15']) await anchors.run(slot);
  } finally {
    await h.stop();
    keys.remove();
  }
  const root = await db.connect('root');
  const kept = `${db.name}_kept`;
  await root.query(`CREATE DATABASE ${kept} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  for (const { name } of await tablesOf(db)) {
    await root.query(`CREATE TABLE ${kept}.${name} LIKE ${db.name}.${name}`);
    await copyRows(root, { from: db.name, to: kept, table: name });
  }
  const cipher = keys.cipher('rotated', infra.dataKeys.split(':')[0] ?? '');
  return { db, now: h.clock.now(), root, kept, anchors, cipher };
}

export async function closeReviewStage({ db, root, anchors }: ReviewStage): Promise<void> {
  await anchors.close();
  await root.end();
  await db.close();
}

async function tablesOf(db: TestDatabase): Promise<readonly { readonly name: string }[]> {
  const rows = await db.query(
    `SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = ? AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'knex%'`,
    [db.name],
  );
  return rows.map((row) => ({ name: String(row['name']) }));
}

/** Copies all rows of a table; what the database computes it computes again. */
async function copyRows(
  root: Connection,
  { from, to, table }: { readonly from: string; readonly to: string; readonly table: string },
): Promise<void> {
  const [columns] = await root.query<RowDataPacket[]>(
    `SELECT column_name AS name FROM information_schema.columns
    WHERE table_schema = ? AND table_name = ? AND extra NOT LIKE '%GENERATED%' ORDER BY ordinal_position`,
    [from, table],
  );
  const names = columns.map((column) => `\`${String(column['name'])}\``).join(', ');
  await root.query(`INSERT INTO ${to}.${table} (${names}) SELECT ${names} FROM ${from}.${table}`);
}

/** An insider with every right at work: what to look at, and what to change. */
export interface Insider {
  /** The one row that a SELECT finds first; throws when there is none, because then there is nothing to tamper with. */
  one(sql: string, values?: readonly unknown[]): Promise<Row>;
  rows(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Changes something; throws when no row was changed. */
  change(sql: string, values?: readonly unknown[]): Promise<void>;
}

interface Trigger {
  readonly name: string;
  readonly sql: string;
  readonly mode: string;
}

/**
 * Lets an insider tamper with tables as nobody may: takes their triggers away and the checks of constraints with them, and puts all of
 * it back, so that only what was changed can tell.
 */
export async function tamper<Result>(
  { db, root }: ReviewStage,
  tables: readonly string[],
  work: (insider: Insider) => Promise<Result>,
): Promise<Result> {
  const triggers = await triggersOf(db, root, tables);
  for (const { name } of triggers) await root.query(`DROP TRIGGER ${name}`);
  await root.query('SET SESSION check_constraint_checks = 0');
  try {
    return await work(insiderOf(root));
  } finally {
    await root.query('SET SESSION check_constraint_checks = 1');
    for (const { sql, mode } of triggers) {
      await root.query('SET SESSION sql_mode = ?', [mode]);
      await root.query(sql);
    }
  }
}

async function triggersOf(db: TestDatabase, root: Connection, tables: readonly string[]): Promise<readonly Trigger[]> {
  if (tables.length === 0) return [];
  const rows = await db.query(
    `SELECT trigger_name AS name FROM information_schema.triggers
    WHERE trigger_schema = ? AND event_object_table IN (?) ORDER BY event_object_table, action_order`,
    [db.name, tables],
  );
  const triggers: Trigger[] = [];
  for (const { name } of rows) {
    const [[row]] = await root.query<RowDataPacket[]>(`SHOW CREATE TRIGGER ${String(name)}`);
    const { 'SQL Original Statement': sql, sql_mode: mode } = row as Record<string, string>;
    triggers.push({ name: String(name), sql: sql ?? '', mode: mode ?? '' });
  }
  return triggers;
}

function insiderOf(root: Connection): Insider {
  const rows = async (sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> =>
    (await root.query<RowDataPacket[]>(sql, [...values]))[0];
  return {
    rows,
    one: async (sql, values) => {
      const [first] = await rows(sql, values);
      if (first === undefined) throw new Error(`the stage has nothing like this: ${sql}`);
      return first;
    },
    change: async (sql, values = []) => {
      const [result] = await root.query(sql, [...values]);
      const { affectedRows = 0 } = result as { affectedRows?: number };
      if (affectedRows === 0) throw new Error(`this changed nothing: ${sql}`);
    },
  };
}

/** Puts tables back as they were. */
export async function putBack(stage: ReviewStage, tables: readonly string[]): Promise<void> {
  await tamper(stage, tables, async () => {
    for (const table of tables) {
      await stage.root.query(`DELETE FROM ${table}`);
      await copyRows(stage.root, { from: stage.kept, to: stage.db.name, table });
    }
  });
}
