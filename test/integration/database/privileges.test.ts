import { TABLE_PRIVILEGES } from '../../../migrations/privileges';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { readInfra, type Infra } from '../../support/infra';
import { errnoOf, KNEX_TABLES } from '../../support/schema-facts';

let infra: Infra;
let db: TestDatabase;
beforeAll(async () => {
  infra = readInfra();
  db = await openTestDatabase(infra);
});
afterAll(() => db.close());

const granteeOf = (account: 'app' | 'report' | 'migrate'): string => `'${infra.accounts[account].user}'@'%'`;

/** Privileges on a level of the database's own catalogue, as `table privilege` or `table.column privilege`. */
async function privilegesOf(account: 'app' | 'report' | 'migrate', level: 'table' | 'column'): Promise<string[]> {
  const what = level === 'table' ? 'table_name' : "CONCAT(table_name, '.', column_name)";
  const rows = await db.query(
    `SELECT CONCAT(${what}, ' ', privilege_type) AS p FROM information_schema.${level}_privileges
     WHERE table_schema = ? AND grantee = ? ORDER BY 1`,
    [db.name, granteeOf(account)],
  );
  return rows.map((row) => String(row['p']));
}

/** Design §4, must show 7: what an account may do is what was reviewed, table by table and column by column. */
describe('the reviewed privileges', () => {
  test('name every table of the schema', async () => {
    const rows = await db.query(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE'",
      [db.name],
    );
    const tables = rows.map((row) => String(row['name'])).sort();
    expect(tables).toEqual([...Object.keys(TABLE_PRIVILEGES), ...KNEX_TABLES].sort());
  });

  test('are what the serving account has, and nothing more', async () => {
    const entries = Object.entries(TABLE_PRIVILEGES);
    const byTable = entries.flatMap(([table, privileges]) => [
      `${table} SELECT`,
      ...(privileges.insert ? [`${table} INSERT`] : []),
      ...(privileges.delete === true ? [`${table} DELETE`] : []),
    ]);
    const byColumn = entries.flatMap(([table, { update }]) => update.map((column) => `${table}.${column} UPDATE`));
    const owned = await privilegesOf('app', 'table');
    // Some servers repeat column privileges on the table level; the columns are compared below.
    expect(owned.filter((line) => !line.endsWith(' UPDATE')).sort()).toEqual(byTable.sort());
    const columns = (await privilegesOf('app', 'column')).filter((line) => line.endsWith(' UPDATE'));
    expect(columns.sort()).toEqual(byColumn.sort());
  });

  test('let the reporting account read what holds no personal data, and write nothing', async () => {
    const readable = Object.entries(TABLE_PRIVILEGES).flatMap(([table, { report }]) =>
      report ? [`${table} SELECT`] : [],
    );
    expect((await privilegesOf('report', 'table')).sort()).toEqual(readable.sort());
    const columns = Object.entries(TABLE_PRIVILEGES).flatMap(([table, { reportColumns = [] }]) =>
      reportColumns.map((column) => `${table}.${column} SELECT`),
    );
    expect((await privilegesOf('report', 'column')).sort()).toEqual(columns.sort());
  });

  test('give neither of them anything on the whole schema or the whole server', async () => {
    for (const account of ['app', 'report'] as const) {
      const grantee = granteeOf(account);
      const ofSchema = await db.query(
        'SELECT * FROM information_schema.schema_privileges WHERE table_schema = ? AND grantee = ?',
        [db.name, grantee],
      );
      const ofServer = await db.query(
        'SELECT privilege_type AS p FROM information_schema.user_privileges WHERE grantee = ?',
        [grantee],
      );
      expect(ofSchema).toEqual([]);
      expect(ofServer.map((row) => row['p'])).toEqual(['USAGE']);
    }
  });

  test('let nothing be deleted but what is no history: old refusals, events and deliveries that are over', () => {
    const deletable = Object.entries(TABLE_PRIVILEGES).filter(([, privileges]) => privileges.delete === true);
    expect(deletable.map(([table]) => table)).toEqual(['request_refusals', 'outbox', 'event_deliveries']);
  });

  test('leave the migrating account without DELETE and DROP, and so without TRUNCATE', async () => {
    const rows = await db.query(
      'SELECT privilege_type AS p FROM information_schema.schema_privileges WHERE table_schema = ? AND grantee = ?',
      [db.name, granteeOf('migrate')],
    );
    const owned = rows.map((row) => String(row['p']));
    expect(owned).toEqual(expect.arrayContaining(['CREATE', 'TRIGGER', 'SELECT']));
    expect(owned.filter((one) => /^(DELETE|DROP|DELETE HISTORY)$/.test(one))).toEqual([]);
  });

  test.each(KNEX_TABLES)('keep the history of migrations (%s) from the serving account', async (table) => {
    expect(await errnoOf(db, `SELECT * FROM ${table}`, 'app')).toBe(1142);
    expect(await errnoOf(db, `UPDATE ${table} SET id = id`, 'app')).toBe(1142);
  });

  test('let the serving account make no table, view, trigger or routine, and read no file', async () => {
    const statements = [
      'CREATE TABLE mine (id INT)',
      'CREATE VIEW mine AS SELECT 1 AS one',
      "CREATE TRIGGER mine BEFORE INSERT ON users FOR EACH ROW SET NEW.id = 'x'",
      'ALTER TABLE users ADD COLUMN mine INT NULL',
      'CREATE INDEX mine ON users (log_time)',
      'CREATE PROCEDURE mine() SELECT 1',
      "SELECT LOAD_FILE('/etc/passwd') INTO OUTFILE '/tmp/mine'",
      'SET GLOBAL read_only = 1',
      'SET SESSION sql_log_bin = 0',
    ];
    for (const sql of statements) {
      const errno = await errnoOf(db, sql, 'app');
      expect({ sql, refused: [1044, 1045, 1142, 1227, 1370].includes(errno), errno }).toMatchObject({
        sql,
        refused: true,
      });
    }
  });
});
