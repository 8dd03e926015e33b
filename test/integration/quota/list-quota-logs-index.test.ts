import { loadConfig } from '../../../src/platform/config';
import { openDatabase, type Database } from '../../../src/platform/db/database';
import { cutPage } from '../../../src/platform/paging';
import { listQuotaLogs, type LogFilter } from '../../../src/quota/quota.queries';
import { newId, serviceEnvironment } from '../../support/harness';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { readInfra } from '../../support/infra';

const ROWS = 4_000;
const START = new Date('2026-01-01T00:00:00.000Z');
const after = (minutes: number): Date => new Date(START.getTime() + minutes * 60_000);

let db: TestDatabase;
let database: Database;
const userId = newId('u-large');

beforeAll(async () => {
  const infra = readInfra();
  db = await openTestDatabase(infra);
  const config = loadConfig({ ...serviceEnvironment(infra, db.url, 'http://127.0.0.1:1'), EDGE_PORT: '0' });
  const observer = { transactionEnded: () => undefined, transactionRetried: () => undefined };
  database = openDatabase(config, observer);
  await insertLargeLog();
  await db.query('ANALYZE TABLE quota_logs');
});
afterAll(async () => {
  await database.knex.destroy();
  await db.close();
});

/** A log of one grant and thousands of consumes, a row a minute, among other users' logs. */
async function insertLargeLog(): Promise<void> {
  await db.query(
    `INSERT INTO users (id, quota_remaining, log_sequence, log_hash, log_time, create_time)
     VALUES (?, 0, ?, ?, ?, ?)`,
    [userId, ROWS, Buffer.alloc(32), after(ROWS), START],
  );
  for (const owner of [userId, newId('u-other')]) {
    for (let from = 1; from <= ROWS; from += 1_000) {
      const rows = Array.from({ length: 1_000 }, (_, i) => rowOf(owner, from + i));
      await db.query('INSERT INTO quota_logs VALUES ?', [rows]);
    }
  }
}

function rowOf(owner: string, sequence: number): unknown[] {
  const isGrant = sequence % 2 === 1;
  const [type, amount] = isGrant ? ['GRANT', 1] : ['CONSUME', -1];
  const hash = Buffer.alloc(32);
  const identity = [owner, sequence, isGrant ? 'system' : 'caller', `row-${sequence}`, hash];
  return [...identity, type, amount, 1, isGrant ? 1 : 0, '[]', null, '', '', '', 'test', after(sequence), 1, hash];
}

/** The plans of every statement on the log that a list runs, as the database tells them. */
async function explain(filter: LogFilter, pageToken: string): Promise<Record<string, unknown>[]> {
  const statements: { sql: string; bindings: readonly unknown[] }[] = [];
  const listen = (query: { sql: string; bindings: readonly unknown[] }): void => void statements.push(query);
  database.knex.on('query', listen);
  await listQuotaLogs(database, filter, 50, pageToken);
  database.knex.removeListener('query', listen);
  const plans: Record<string, unknown>[] = [];
  for (const { sql, bindings } of statements.filter((statement) => statement.sql.includes('quota_logs'))) {
    plans.push(...(await db.query(`EXPLAIN ${sql}`, bindings)));
  }
  return plans;
}

/** Lesson 52: no filter may make a page cost more than the page. */
describe('a page of a large log', () => {
  const types = [undefined, 'CONSUME', 'REFUND'];
  const times = [
    [undefined, undefined],
    [after(100), undefined],
    [undefined, after(3_900)],
    [after(1_000), after(1_100)],
    [after(10), after(3_990)],
  ] as const;
  const filters = types.flatMap((type) => times.map(([startTime, endTime]) => ({ type, startTime, endTime })));

  test.each(filters)('by type $type from $startTime to $endTime uses an index and sorts nothing', async (part) => {
    const filter: LogFilter = { userId, ...part };
    const { nextPageToken } = cutPage([1, 2], 1, { ...filter }, () => '2000');
    for (const pageToken of ['', nextPageToken]) {
      const plans = await explain(filter, pageToken);
      expect(plans).toHaveLength(1);
      for (const plan of plans) {
        expect(plan['key']).toMatch(/^(PRIMARY|quota_logs_by_)/);
        expect(String(plan['Extra'])).not.toMatch(/filesort|temporary/);
      }
    }
  });
});
