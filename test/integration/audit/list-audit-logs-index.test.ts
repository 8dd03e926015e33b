import { listAccessLogs, listAuditLogs, type LogFilter } from '../../../src/audit/audit-log.queries';
import type { Database } from '../../../src/platform/db/database';
import { cutPage } from '../../../src/platform/paging';
import { openTestDatabase, type Row, type TestDatabase } from '../../support/database';
import { readInfra } from '../../support/infra';
import { openServiceDatabase } from '../../support/service-database';

const ROWS = 12_000;
const START = new Date('2026-01-01T00:00:00.000Z');
const after = (minutes: number): Date => new Date(START.getTime() + minutes * 60_000);
const numbers = Array.from({ length: ROWS }, (_, i) => i + 1);

let db: TestDatabase;
let database: Database;

/** Logs of many days, four rows a minute at the same instant, mostly of a few services, about many orders and few promotions. */
beforeAll(async () => {
  const infra = readInfra();
  db = await openTestDatabase(infra);
  database = openServiceDatabase(infra, db);
  const columns = 'id, actor, role, subject_type, subject_id, user_id, create_time';
  for (let from = 0; from < ROWS; from += 2_000) {
    const rows = numbers.slice(from, from + 2_000).map(rowOf);
    await db.query(`INSERT INTO access_logs (${columns}, rpc) VALUES ?`, [rows.map((row) => [...row, 'GetOrder'])]);
    await db.query(`INSERT INTO audit_logs (${columns}, action, cause, after_state) VALUES ?`, [
      rows.map((row) => [...row, 'CreateOrder', 'c', '{}']),
    ]);
  }
  await db.query('ANALYZE TABLE audit_logs, access_logs');
});
afterAll(async () => {
  await database.knex.destroy();
  await db.close();
});

const minuteOf = (n: number): Date => after(Math.ceil(n / 4));
const factsOf = (n: number) => {
  const isOrder = n % 50 !== 0;
  return {
    actor: n % 7 === 0 ? 'spiffe://billing/operations/operations' : 'spiffe://billing/order-service/order-service',
    subjectType: isOrder ? 'order' : 'promotion',
    subjectId: isOrder ? `order-${n % 5}` : 'promotion-1',
    userId: isOrder ? `user-${n % 5}` : null,
  };
};
function rowOf(n: number): unknown[] {
  const { actor, subjectType, subjectId, userId } = factsOf(n);
  return [n, actor, 'role', subjectType, subjectId, userId, minuteOf(n)];
}

const NO_FILTER = { actor: '', subjectType: '', subjectId: '', userId: '' };
const LISTS = { audit_logs: listAuditLogs, access_logs: listAccessLogs };
type Log = keyof typeof LISTS;

/** The numbers on a page, and how the database read it. */
async function explain(log: Log, filter: LogFilter, pageToken: string): Promise<{ ids: number[]; plan: Row }> {
  const statements: { sql: string; bindings: readonly unknown[] }[] = [];
  const listen = (query: { sql: string; bindings: readonly unknown[] }): void => void statements.push(query);
  database.knex.on('query', listen);
  const { rows } = await LISTS[log](database, filter, 50, pageToken);
  database.knex.removeListener('query', listen);
  const [statement, ...others] = statements.filter(({ sql }) => sql.includes(`\`${log}\``));
  if (statement === undefined) throw new Error(`no statement on ${log}`);
  expect(others).toEqual([]);
  const [plan, ...more] = await db.query(`EXPLAIN ${statement.sql}`, statement.bindings);
  if (plan === undefined) throw new Error('no plan');
  expect(more).toEqual([]);
  return { ids: rows.map((row) => ('row' in row ? row.row.id : row.id)), plan };
}

/** The first 50 rows that a filter picks, told from the rows alone. */
function expectedIds({ startTime, endTime, ...texts }: LogFilter, before: number): number[] {
  const wanted = Object.entries(texts).filter(([, value]) => value !== '');
  return numbers
    .filter(
      (n) => n < before && wanted.every(([name, value]) => (factsOf(n) as Record<string, unknown>)[name] === value),
    )
    .filter((n) => startTime === undefined || minuteOf(n) >= startTime)
    .filter((n) => endTime === undefined || minuteOf(n) < endTime)
    .reverse()
    .slice(0, 50);
}

/** Lesson 52: a list is read by an index however large the log is: in the order of the index, and no further than the page. */
describe.each(['audit_logs', 'access_logs'] as const)('lesson 52: a page of large %s', (log) => {
  const filters: readonly Partial<LogFilter>[] = [
    {},
    { actor: 'spiffe://billing/operations/operations' },
    { subjectType: 'promotion' },
    { subjectType: 'order', subjectId: 'order-3' },
    { subjectType: 'promotion', subjectId: 'promotion-1' },
    { userId: 'user-2' },
  ];
  const times = [
    {},
    { startTime: after(100) },
    { endTime: after(2_500) },
    { startTime: after(500), endTime: after(2_500) },
  ];
  const parts = filters.flatMap((filter) => times.map((time) => ({ ...filter, ...time })));

  test.each(parts)('of %o is the right one, by an index, sorted by it', async (part) => {
    const filter: LogFilter = { ...NO_FILTER, ...part };
    // In the middle of what happened at one instant.
    const middle = 7_002;
    const filters = { list: log.replace('_', ' '), ...filter };
    const { nextPageToken } = cutPage([1, 2], 1, filters, () => `${minuteOf(middle).getTime()}.${middle}`);
    for (const [pageToken, before] of [
      ['', ROWS + 1],
      [nextPageToken, middle],
    ] as const) {
      const { ids, plan } = await explain(log, filter, pageToken);
      expect(ids).toEqual(expectedIds(filter, before));
      expect(plan['key']).toMatch(new RegExp(`^${log}_by_`));
      expect(String(plan['Extra'])).not.toMatch(/filesort|temporary/);
    }
  });
});
