import type { Database } from '../../../src/platform/db/database';
import { cutPage } from '../../../src/platform/paging';
import { listQuotaLogs, type LogFilter } from '../../../src/quota/quota.queries';
import { newId } from '../../support/harness';
import { openTestDatabase, type Row, type TestDatabase } from '../../support/database';
import { readInfra } from '../../support/infra';
import { openServiceDatabase } from '../../support/service-database';

const ROWS = 4_000;
const START = new Date('2026-01-01T00:00:00.000Z');
const after = (minutes: number): Date => new Date(START.getTime() + minutes * 60_000);

let db: TestDatabase;
let database: Database;
const userId = newId('u-large');

beforeAll(async () => {
  const infra = readInfra();
  db = await openTestDatabase(infra);
  database = openServiceDatabase(infra, db);
  await insertLargeLog();
  await db.query('ANALYZE TABLE quota_logs');
});
afterAll(async () => {
  await database.knex.destroy();
  await db.close();
});

/** A log of thousands of grants and consumes, two rows a minute at the same instant, among other users' logs. */
async function insertLargeLog(): Promise<void> {
  await db.query(
    `INSERT INTO users (id, quota_remaining, log_sequence, log_hash, log_time, create_time)
     VALUES (?, 0, ?, ?, ?, ?)`,
    [userId, ROWS, Buffer.alloc(32), minuteOf(ROWS), START],
  );
  for (const owner of [userId, newId('u-other')]) {
    for (let from = 1; from <= ROWS; from += 1_000) {
      const rows = Array.from({ length: 1_000 }, (_, i) => rowOf(owner, from + i));
      await db.query('INSERT INTO quota_logs VALUES ?', [rows]);
    }
  }
}

/** Rows 1 and 2 are of minute 1, rows 3 and 4 of minute 2 … */
const minuteOf = (sequence: number): Date => after(Math.ceil(sequence / 2));
const typeOf = (sequence: number): string => (sequence % 2 === 1 ? 'GRANT' : 'CONSUME');

function rowOf(owner: string, sequence: number): unknown[] {
  const type = typeOf(sequence);
  const isGrant = type === 'GRANT';
  const amount = isGrant ? 1 : -1;
  const hash = Buffer.alloc(32);
  const identity = [owner, sequence, isGrant ? 'system' : 'caller', `row-${sequence}`, hash];
  return [...identity, type, amount, 1, isGrant ? 1 : 0, '[]', null, '', '', '', 'test', minuteOf(sequence), 1, hash];
}

interface Explained {
  /** Plans of the look-ups that find where a time begins in the log. */
  readonly lookUps: readonly Row[];
  /** The plan of the page itself. */
  readonly page: Row | undefined;
  readonly sequences: readonly number[];
}

/** Lists a page, and has the database tell the plan of every statement on the log that this ran. */
async function explain(filter: LogFilter, pageToken: string): Promise<Explained> {
  const statements: { sql: string; bindings: readonly unknown[] }[] = [];
  const listen = (query: { sql: string; bindings: readonly unknown[] }): void => void statements.push(query);
  database.knex.on('query', listen);
  const { rows } = await listQuotaLogs(database, filter, 50, pageToken);
  database.knex.removeListener('query', listen);
  const plans: Row[] = [];
  for (const { sql, bindings } of statements.filter((statement) => statement.sql.includes('quota_logs'))) {
    const [plan, ...more] = await db.query(`EXPLAIN ${sql}`, bindings);
    expect(more).toEqual([]);
    if (plan !== undefined) plans.push(plan);
  }
  return { lookUps: plans.slice(0, -1), page: plans.at(-1), sequences: rows.map(({ sequence }) => sequence) };
}

/** The first 50 rows that a filter picks, told from the rows alone. */
function expectedSequences({ type, startTime, endTime }: Omit<LogFilter, 'userId'>, before: number): number[] {
  const all = Array.from({ length: ROWS }, (_, i) => ROWS - i);
  return all
    .filter((sequence) => sequence < before)
    .filter((sequence) => type === undefined || typeOf(sequence) === type)
    .filter((sequence) => startTime === undefined || minuteOf(sequence) >= startTime)
    .filter((sequence) => endTime === undefined || minuteOf(sequence) < endTime)
    .slice(0, 50);
}

/** Look-ups to halve a log of so many rows down to one place. */
const HALVINGS = Math.ceil(Math.log2(ROWS + 1));

/** Lesson 52: no filter may make a page cost more than the page. There is no index by time: a log runs with time. */
describe('a page of a large log', () => {
  const types = [undefined, 'CONSUME', 'REFUND'];
  const times = [
    [undefined, undefined],
    [after(100), undefined],
    [undefined, after(1_900)],
    [after(1_000), after(1_050)],
    [after(10), after(1_990)],
    [after(-10), after(5_000)],
    [after(5_000), after(6_000)],
    [after(1_000), after(1_000)],
  ] as const;
  const filters = types.flatMap((type) => times.map(([startTime, endTime]) => ({ type, startTime, endTime })));

  test.each(filters)(
    'by type $type from $startTime to $endTime is the right one, by an index, sorted by it',
    async (part) => {
      const filter: LogFilter = { userId, ...part };
      const { nextPageToken } = cutPage([1, 2], 1, { ...filter }, () => '2000');
      for (const [pageToken, before] of [
        ['', ROWS + 1],
        [nextPageToken, 2_000],
      ] as const) {
        const { lookUps, page, sequences } = await explain(filter, pageToken);
        expect(sequences).toEqual(expectedSequences(part, before));
        expect(page?.['key'] ?? 'nothing to read').toMatch(/^(PRIMARY|quota_logs_by_type|nothing to read)$/);
        // A type that the log hardly has: its own index, or a short time whose every row costs less.
        if (part.type === 'REFUND' && page?.['key'] === 'PRIMARY') expect(Number(page['rows'])).toBeLessThan(200);
        expect(String(page?.['Extra'])).not.toMatch(/filesort|temporary/);
        const bounds = [part.startTime, part.endTime].filter((bound) => bound !== undefined).length;
        expect(lookUps.length).toBeLessThanOrEqual(bounds * HALVINGS);
        for (const { type, key } of lookUps) expect([type, key]).toEqual(['const', 'PRIMARY']);
      }
    },
  );
});
