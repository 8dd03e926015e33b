import { TABLE_PRIVILEGES } from '../../../migrations/privileges';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { readInfra } from '../../support/infra';
import * as facts from '../../support/schema-facts';

/**
 * Issue 7, must show 6: with the application's database account every forbidden statement on every table is refused. Generated
 * from the reviewed list of tables (privileges.test.ts: the database has no other) and the database's own of columns and
 * triggers, so that none is forgotten; the privileges are judged before any row is looked at, so that empty tables prove as
 * much. What a row in each table adds is frozen-rows.test.ts.
 */

const NAME = 'mine';
/** Refused for want of a privilege: on a table, a column, a routine, the schema or the server. */
const DENIED: readonly number[] = [1044, 1045, 1142, 1143, 1227, 1370];

let db: TestDatabase;
let columns: readonly facts.Column[];
let triggers: readonly { readonly name: string; readonly table: string; readonly event: string }[];

beforeAll(async () => {
  db = await openTestDatabase(readInfra());
  columns = await facts.readColumns(db);
  const rows = await db.query(
    `SELECT trigger_name AS name, event_object_table AS tab, event_manipulation AS event FROM information_schema.triggers
     WHERE event_object_schema = ?`,
    [db.name],
  );
  triggers = rows.map(({ name, tab, event }) => ({ name: String(name), table: String(tab), event: String(event) }));
});
afterAll(() => db.close());

const TABLES = Object.keys(TABLE_PRIVILEGES);
const columnsOf = (table: string): string[] => columns.filter((one) => one.table === table).map(({ column }) => column);
const [first = ''] = TABLES;

/** What the schema is made of, and what only whoever migrates may do to it. */
function changesOfSchema(table: string): readonly string[] {
  const [column = ''] = columnsOf(table);
  return [
    `DROP TABLE ${table}`,
    `TRUNCATE TABLE ${table}`,
    `RENAME TABLE ${table} TO ${NAME}`,
    `ALTER TABLE ${table} ADD COLUMN ${NAME} INT NULL`,
    `ALTER TABLE ${table} DROP COLUMN ${column}`,
    `ALTER TABLE ${table} MODIFY COLUMN ${column} TEXT`,
    `ALTER TABLE ${table} ENGINE=MyISAM`,
    `ALTER TABLE ${table} DISABLE KEYS`,
    `CREATE INDEX ${NAME} ON ${table} (${column})`,
    `DROP INDEX \`PRIMARY\` ON ${table}`,
    ...['INSERT', 'UPDATE', 'DELETE'].map(
      (event) => `CREATE TRIGGER ${NAME} AFTER ${event} ON ${table} FOR EACH ROW SET @${NAME} = 1`,
    ),
    ...triggers.filter((one) => one.table === table).map(({ name }) => `DROP TRIGGER ${name}`),
    `CREATE VIEW ${NAME} AS SELECT * FROM ${table}`,
    `LOCK TABLES ${table} WRITE`,
    `GRANT DELETE ON ${table} TO CURRENT_USER()`,
  ];
}

/** What changes rows that may not be changed. */
function changesOfRows(table: string): readonly string[] {
  const privileges = TABLE_PRIVILEGES[table];
  const update = privileges?.update ?? [];
  const names = columnsOf(table);
  const list = names.join(', ');
  const frozen = names.filter((column) => !update.includes(column));
  const deletes = [
    `DELETE FROM ${table}`,
    `DELETE t FROM ${table} t JOIN ${first} u ON 1 = 0`,
    `REPLACE INTO ${table} (${list}) SELECT ${list} FROM ${table}`,
  ];
  return [
    ...(privileges?.delete === true ? [] : deletes),
    ...frozen.map((column) => `UPDATE ${table} SET ${column} = ${column} WHERE 1 = 0`),
    ...frozen.map((column) => `UPDATE ${table} t JOIN ${first} u ON 1 = 0 SET t.${column} = t.${column}`),
    ...(privileges?.insert === true
      ? frozen.map(
          (column) => `INSERT INTO ${table} (${column}) SELECT ${column} FROM ${table} WHERE 1 = 0
          ON DUPLICATE KEY UPDATE ${column} = VALUES(${column})`,
        )
      : [`INSERT INTO ${table} (${list}) SELECT ${list} FROM ${table} WHERE 1 = 0`]),
  ];
}

/** Statements that a connection lets through, of many: none may be. */
async function allowed(account: 'app' | 'report', statements: readonly string[]): Promise<object[]> {
  const connection = await db.connect(account);
  const through: object[] = [];
  try {
    for (const sql of statements) {
      const errno = await connection.query(sql).then(
        () => 0,
        (error: { errno?: number }) => error.errno ?? -1,
      );
      if (!DENIED.includes(errno)) through.push({ sql, errno });
    }
  } finally {
    await connection.end();
  }
  return through;
}

describe('the schema of every table', () => {
  test('has its triggers, or there would be nothing to drop', () => {
    expect(triggers.length).toBeGreaterThan(TABLES.length);
  });

  test.each(TABLES)('%s is not changed, dropped, emptied, locked or opened by the application', async (table) => {
    expect(await allowed('app', changesOfSchema(table))).toEqual([]);
  });

  test.each(TABLES)('%s is not changed by the reporting account', async (table) => {
    expect(await allowed('report', changesOfSchema(table))).toEqual([]);
  });
});

describe('the rows of every table', () => {
  test.each(TABLES)('%s: what is frozen is neither updated, replaced nor deleted by the application', async (table) => {
    expect(await allowed('app', changesOfRows(table))).toEqual([]);
  });

  test.each(TABLES)('%s: nothing is written by the reporting account', async (table) => {
    const list = columnsOf(table).join(', ');
    const writes = [
      `INSERT INTO ${table} (${list}) SELECT ${list} FROM ${table} WHERE 1 = 0`,
      `DELETE FROM ${table} WHERE 1 = 0`,
      ...columnsOf(table).map((column) => `UPDATE ${table} SET ${column} = ${column} WHERE 1 = 0`),
    ];
    expect(await allowed('report', writes)).toEqual([]);
  });
});

test('nor does either account reach beyond its tables', async () => {
  const beyond = [
    `CREATE TABLE ${NAME} (id INT)`,
    `CREATE DATABASE ${NAME}_database`,
    `DROP DATABASE ${db.name}`,
    `CREATE PROCEDURE ${NAME}() SELECT 1`,
    `CREATE EVENT ${NAME} ON SCHEDULE EVERY 1 DAY DO SELECT 1`,
    `CREATE USER ${NAME}`,
    'SET GLOBAL foreign_key_checks = 0',
    'SET SESSION sql_log_bin = 0',
    'SELECT * FROM mysql.user',
    "SELECT 1 INTO OUTFILE '/tmp/billing-mine'",
    'FLUSH TABLES',
    'PURGE BINARY LOGS BEFORE NOW()',
    'SHUTDOWN',
    // The history of migrations, which says what a database is.
    ...facts.KNEX_TABLES.flatMap((table) => [
      ...['DROP TABLE', 'TRUNCATE TABLE', 'DELETE FROM'].map((verb) => `${verb} ${table}`),
      `INSERT INTO ${table} VALUES ()`,
      `ALTER TABLE ${table} ADD COLUMN ${NAME} INT NULL`,
    ]),
  ];
  expect(await allowed('app', beyond)).toEqual([]);
  expect(await allowed('report', beyond)).toEqual([]);
});
