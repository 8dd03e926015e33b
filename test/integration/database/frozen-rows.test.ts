import { TABLE_PRIVILEGES } from '../../../migrations/privileges';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { consume, refund, registerMember, startHarness } from '../../support/harness';
import { mustSucceed } from '../../support/clients';
import { readInfra } from '../../support/infra';
import * as facts from '../../support/schema-facts';

const { trigger, privilege } = facts.REFUSALS;
const TABLES = Object.keys(TABLE_PRIVILEGES);
const APPEND_ONLY = ['quota_logs', 'request_keys', 'audit_logs', 'outbox'];
const DAY_MS = 86_400_000;

let db: TestDatabase;
let columns: readonly facts.Column[];
let before: Awaited<ReturnType<typeof facts.checksums>>;

/** A row in every table: a member whose consume was given back after its lots had expired. */
async function fillEveryTable(): Promise<void> {
  const h = await startHarness();
  const { userId } = await registerMember(h);
  await mustSucceed(consume(h, { requestId: 'c', userId, amount: 20 }));
  h.clock.advanceMs(40 * DAY_MS);
  await mustSucceed(refund(h, { requestId: 'r', userId, consumeRequestId: 'c' }));
  await h.stop();
}

beforeAll(async () => {
  await fillEveryTable();
  db = await openTestDatabase(readInfra());
  columns = await facts.readColumns(db);
  before = await facts.checksums(db);
});
afterEach(async () => {
  expect(await facts.checksums(db)).toEqual(before);
});
afterAll(() => db.close());

/** Must show 7: rows are never deleted, by whatever statement and whatever account. */
describe.each(TABLES)('the rows of %s', (table) => {
  test('exist here, or the refusals below would prove nothing', async () => {
    const [row] = await db.query(`SELECT COUNT(*) AS n FROM ${table}`);
    expect(Number(row?.['n'])).toBeGreaterThan(0);
  });

  test.each(['app', 'report', 'migrate'] as const)(
    'are never deleted, truncated, dropped or replaced by %s',
    async (account) => {
      const deletions = [
        `DELETE FROM ${table}`,
        `TRUNCATE TABLE ${table}`,
        `DROP TABLE ${table}`,
        `REPLACE INTO ${table} SELECT * FROM ${table}`,
      ];
      for (const sql of deletions)
        expect({ sql, errno: await facts.errnoOf(db, sql, account) }).toEqual({ sql, errno: 1142 });
    },
  );

  test('are not deleted nor replaced by root either, as long as the triggers stand', async () => {
    expect(trigger).toContain(await facts.errnoOf(db, `DELETE FROM ${table} LIMIT 1`));
    const names = columns.filter((column) => column.table === table).map(({ column }) => column);
    const list = names.join(', ');
    const replacement = `REPLACE INTO ${table} (${list}) SELECT ${list} FROM ${table} LIMIT 1`;
    expect(trigger).toContain(await facts.errnoOf(db, replacement));
  });

  test('have no trigger that the serving or reporting account could drop', async () => {
    const [row] = await db.query(
      `SELECT trigger_name AS name FROM information_schema.triggers
       WHERE event_object_schema = ? AND event_object_table = ? AND event_manipulation = 'DELETE'`,
      [db.name, table],
    );
    const sql = `DROP TRIGGER ${String(row?.['name'])}`;
    for (const account of ['app', 'report'] as const) {
      expect(privilege).toContain(await facts.errnoOf(db, sql, account));
    }
  });
});

/** Must show 7: every column of every table, from the database's own list. */
describe('the columns', () => {
  test('are each of one kind, and some of them of every kind', () => {
    expect(columns.filter(facts.isFrozen).length).toBeGreaterThan(100);
    expect(columns.filter(facts.isOnceSet)).toHaveLength(5);
    for (const [table, { update }] of Object.entries(TABLE_PRIVILEGES)) {
      const known = columns.filter((column) => column.table === table).map(({ column }) => column);
      expect(known).toEqual(expect.arrayContaining([...update]));
    }
  });

  test('of append-only tables are all frozen', () => {
    const moving = columns
      .filter(({ table }) => APPEND_ONLY.includes(table))
      .filter((column) => !facts.isFrozen(column));
    expect(moving).toEqual([]);
  });

  test.each(TABLES)('of %s that are frozen are refused to every account', async (table) => {
    for (const column of columns.filter((one) => one.table === table && facts.isFrozen(one))) {
      const sql = `UPDATE ${table} SET ${column.column} = ${facts.otherValue(column)} LIMIT 1`;
      const errnos = {
        app: await facts.errnoOf(db, sql, 'app'),
        report: await facts.errnoOf(db, sql, 'report'),
        migrate: await facts.errnoOf(db, sql, 'migrate'),
        root: await facts.errnoOf(db, sql, 'root'),
      };
      expect({ sql, ...errnos }).toEqual({
        sql,
        app: privilege.find((errno) => errno === errnos.app),
        report: 1142,
        migrate: 1644,
        root: 1644,
      });
    }
  });

  test('that may be set once are refused a second value, by root too', async () => {
    const root = await db.connect('root');
    try {
      for (const column of columns.filter(facts.isOnceSet)) {
        const { table, column: name } = column;
        await root.query('START TRANSACTION');
        if (table === 'plan_prices') await root.query("UPDATE plan_prices SET valid_to = '2090-01-01' LIMIT 1");
        for (const value of [facts.otherValue(column), 'NULL']) {
          const sql = `UPDATE ${table} SET ${name} = ${value} WHERE ${name} IS NOT NULL LIMIT 1`;
          const refusal = root.query(sql).then(
            () => 0,
            (error: { errno: number }) => error.errno,
          );
          expect({ sql, errno: await refusal }).toEqual({ sql, errno: 1644 });
        }
        await root.query('ROLLBACK');
      }
    } finally {
      await root.end();
    }
  });

  test('that the application may change it may name in an UPDATE, and no other', async () => {
    for (const { table, column } of columns) {
      const errno = await facts.errnoOf(db, `UPDATE ${table} SET ${column} = ${column} WHERE 1 = 0`, 'app');
      expect({ table, column, allowed: errno === 0 }).toEqual({
        table,
        column,
        allowed: facts.isUpdatable({ table, column }),
      });
    }
  });
});
