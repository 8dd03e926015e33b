import { AssertionError } from 'node:assert';
import { withBatchTx } from '../../../src/platform/db/batch-tx';
import type { Database } from '../../../src/platform/db/database';
import { insertRows } from '../../../src/platform/db/sql-text';
import type { Write } from '../../../src/platform/db/statements';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { newId } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { openServiceDatabase } from '../../support/service-database';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  const infra = readInfra();
  database = await openTestDatabase(infra);
  db = openServiceDatabase(infra, database, { pool: { size: 2, multipleStatements: true } });
});
afterAll(async () => {
  await db.knex.destroy();
  await database.close();
});

const insertOf = (type: string): Write => ({
  sql: insertRows('outbox', ['type', 'payload', 'create_time'], [[type, '{}', new Date(0)]]),
  rows: 1,
  isInsert: true,
  what: 'outbox',
});
/** An update of nobody, which means to change so many rows. */
const updateOf = (rows: number | undefined, what = 'users'): Write => ({
  sql: "UPDATE users SET log_time = log_time WHERE id = 'nobody'",
  ...(rows === undefined ? {} : { rows }),
  what,
});
const countOf = async (type: string): Promise<unknown> =>
  (await database.query('SELECT COUNT(*) AS n FROM outbox WHERE type = ?', [type]))[0]?.['n'];

/** Runs writes as a batch does, after a read. Says how often the batch was told that nobody knows its outcome. */
async function run(writes: readonly Write[]): Promise<{ readonly doubts: number; readonly error: unknown }> {
  let doubts = 0;
  const onDoubt = (): void => void (doubts += 1);
  const done = withBatchTx(db, { name: 'Test' }, async (tx) => {
    await tx.read([{ sql: 'SELECT 1' }]);
    return { result: undefined, writes, onDoubt };
  });
  const error: unknown = await done.catch((thrown: unknown) => thrown);
  return { doubts, error };
}

/** Lesson 35: affected rows are checked in the database, before COMMIT, because COMMIT goes with the writes. */
describe('the writes of a batch', () => {
  const newType = (): string => newId('t').slice(0, 32);

  test('that change the rows they mean to are committed', async () => {
    const type = newType();
    expect(await run([insertOf(type), updateOf(0), updateOf(undefined)])).toEqual({ doubts: 0, error: undefined });
    expect(await countOf(type)).toBe(1);
  });

  test.each([
    ['the only update', [updateOf(1)], 'users: 0 row(s) changed, 1 expected'],
    ['the first of two', [updateOf(2, 'first'), updateOf(0, 'second')], 'first: 0 row(s) changed, 2 expected'],
    ['the second of two', [updateOf(0, 'first'), updateOf(1, 'second')], 'second: 0 row(s) changed, 1 expected'],
  ])('are not committed when %s changed another number, which is named', async (_which, updates, message) => {
    const type = newType();
    const { doubts, error } = await run([insertOf(type), ...updates]);
    expect(error).toBeInstanceOf(AssertionError);
    expect((error as AssertionError).message).toContain(message);
    expect(await countOf(type)).toBe(0);
    // The connection is as good as new: nothing of the batch is open on it.
    expect(await run([insertOf(type)])).toEqual({ doubts: 0, error: undefined });
    expect([doubts, await countOf(type)]).toEqual([0, 1]);
  });

  test('that the server refuses are not in doubt', async () => {
    const type = newType();
    const { doubts, error } = await run([insertOf(type), { sql: 'UPDATE users SET no_such_column = 1', what: 'x' }]);
    expect(error).toMatchObject({ errno: 1143 });
    expect([doubts, await countOf(type)]).toEqual([0, 0]);
  });
});
