import { AssertionError } from 'node:assert';
import type { Database } from '../../../src/platform/db/database';
import { insertRows, literal, valuesTable, type SqlValue } from '../../../src/platform/db/sql-text';
import { readerOf, safeInteger, writeTogether, type Write } from '../../../src/platform/db/statements';
import { withTx, type Tx } from '../../../src/platform/db/tx';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { newId } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { openServiceDatabase } from '../../support/service-database';

const NASTY = [
  ...["'", '"', '\\', "\\'", "';DROP TABLE users;-- ", '--', '/*', '?', '??', ':x', '%', '_', '`', '$[0]', '[]', '{}'],
  ...[
    '\n',
    '\r\n',
    'a\n',
    '\t',
    '\0',
    '\x1a',
    '\b',
    '\x7f',
    '\u2028',
    '\u0000\\',
    'null',
    'NULL',
    '0x41',
    'é',
    '白底图',
  ],
  ...['👕👕', '\u{10ffff}', ' lead', 'trail ', '', '\\\\n', '\\u0027', '&#39;', "\u00bf'", '\ufeff'],
];

/** Several at once, and one after another: both ways a connection may be opened. */
describe.each([
  ['several statements in one round trip', true],
  ['one statement after another', false],
])('%s', (_how, multipleStatements) => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    const infra = readInfra();
    database = await openTestDatabase(infra);
    db = openServiceDatabase(infra, database, { pool: { size: 2, multipleStatements } });
  });
  afterAll(async () => {
    await db.knex.destroy();
    await database.close();
  });
  const inTx = <Result>(run: (tx: Tx) => Promise<Result>): Promise<Result> => withTx(db, { name: 'Test' }, run);

  test('every nasty string comes back as it was, as a literal, as a row and in a table of values', async () => {
    const reads = NASTY.map((text) => ({ sql: `SELECT ${literal(text)}` }));
    const rows = await inTx((tx) => readerOf(tx)(reads));
    expect(rows.map(([row]) => row?.[0])).toEqual(NASTY);

    const ascii = NASTY.filter((text) => /^[\0-\x7f]*$/.test(text));
    const table = valuesTable(
      { text: 'word', n: 'integer', none: 'instant' },
      ascii.map((text, i) => [text, i, null]),
    );
    const [joined = []] = await inTx((tx) => readerOf(tx)([{ sql: `SELECT k.text, k.n, k.none FROM ${table}` }]));
    expect(joined.map((row) => [...row])).toEqual(ascii.map((text, i) => [text, i, null]));

    const type = newId('t').slice(0, 32);
    const payload = (text: string): string => JSON.stringify({ text });
    const now = new Date('2026-01-10T04:00:00.007Z');
    const values = NASTY.map((text): readonly SqlValue[] => [type, payload(text), now]);
    const sql = insertRows('outbox', ['type', 'payload', 'create_time'], values);
    await inTx((tx) => writeTogether(tx, [{ sql, rows: NASTY.length, what: 'outbox' }]));
    const stored = await database.query('SELECT payload, create_time FROM outbox WHERE type = ? ORDER BY id', [type]);
    expect(stored).toEqual(NASTY.map((text) => ({ payload: payload(text), create_time: now })));
  });

  test('values come back as what they were: integers, instants, bytes, null', async () => {
    const values = [0, -1, Number.MAX_SAFE_INTEGER, null, Buffer.from([0, 39, 92, 255])];
    const [[row = []] = []] = await inTx((tx) => readerOf(tx)([{ sql: `SELECT ${values.map(literal).join(', ')}` }]));
    expect([...row]).toEqual(values);
    expect(() => safeInteger(2 ** 53)).toThrow(RangeError);
    expect(() => safeInteger('1')).toThrow(RangeError);
  });

  test('a write that changes another number of rows than meant is a fault, and nothing of it stays (lesson 35)', async () => {
    const type = newId('t').slice(0, 32);
    const insert: Write = {
      sql: insertRows('outbox', ['type', 'payload', 'create_time'], [[type, '{}', new Date(0)]]),
      what: 'a',
    };
    const count = async (): Promise<unknown> =>
      (await database.query('SELECT COUNT(*) AS n FROM outbox WHERE type = ?', [type]))[0]?.['n'];
    const missing: Write = { sql: "UPDATE users SET log_time = log_time WHERE id = 'nobody'", rows: 1, what: 'users' };
    const failed = inTx((tx) => writeTogether(tx, [{ ...insert, rows: 1 }, missing]));
    await expect(failed).rejects.toThrow('users: 0 row(s) changed, 1 expected');
    await expect(failed).rejects.toBeInstanceOf(AssertionError);
    expect(await count()).toBe(0);
    await expect(inTx((tx) => writeTogether(tx, [{ ...insert, rows: 2 }]))).rejects.toThrow('1 row(s) changed');
    expect(await count()).toBe(0);
    await inTx((tx) => writeTogether(tx, [insert, { ...missing, rows: 0 }]));
    expect(await count()).toBe(1);
  });

  test('the first that fails ends them: none after it runs', async () => {
    const type = newId('t').slice(0, 32);
    const sql = insertRows('outbox', ['type', 'payload', 'create_time'], [[type, '{}', new Date(0)]]);
    const run = inTx((tx) =>
      writeTogether(tx, [
        { sql: 'SELECT no_such_column FROM users', what: 'x' },
        { sql, what: 'y' },
      ]),
    );
    await expect(run).rejects.toMatchObject({ errno: 1054 });
    expect(await database.query('SELECT 1 FROM outbox WHERE type = ?', [type])).toEqual([]);
  });
});
