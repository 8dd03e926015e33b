import { TaskOutcome, type SettlementCase } from '../../../src/gen/billing/v1/quota_service.pb';
import { listSettlementCases } from '../../../src/quota/settlement-case.queries';
import { mustSucceed } from '../../support/clients';
import type { TestDatabase } from '../../support/database';
import { consume, refund, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { hold, listCases, reportOutcome } from '../../support/quota-calls';
import { openServiceDatabase } from '../../support/service-database';

const HOUR_MS = 3_600_000;

let db: TestDatabase;
let h: Harness;
const userIds: string[] = [];

/** Five users, each with an open consume and an open hold of a task that nobody can be asked about. */
beforeAll(async () => {
  h = await startHarness();
  db = h.db;
  for (let i = 0; i < 5; i += 1) {
    const userId = await registerUser(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 3, taskId: `t${i}` }));
    await mustSucceed(hold(h, { requestId: 'h', userId, amount: 2, taskId: `t${i}` }));
    userIds.push(userId);
  }
  await mustSucceed(consume(h, { requestId: 'no-task', userId: userIds[0] ?? '', amount: 1 }));
  h.clock.advanceMs(26 * HOUR_MS);
  await until('the cases', async () => (await db.query('SELECT 1 FROM settlement_cases')).length === 10);
});
afterAll(async () => {
  await h.stop();
});

async function listAll(fields: { resolved?: boolean; pageSize?: number }): Promise<SettlementCase[]> {
  const cases: SettlementCase[] = [];
  for (let pageToken = '', pages = 0; pages < 50; pages += 1) {
    const page = await mustSucceed(listCases(h, { ...fields, pageToken }));
    cases.push(...page.cases);
    if (page.nextPageToken === '') return cases;
    pageToken = page.nextPageToken;
  }
  throw new Error('the list never ended');
}

const keys = (cases: readonly SettlementCase[]): string[] =>
  cases.map(({ userId, sequence }) => `${userId} ${sequence}`);

/** R10.5, lesson 47: what nobody knows is a list that people can work through. */
describe('the open cases', () => {
  test('name the charge, its task, its units and why nobody knows', async () => {
    const cases = (await listAll({})).filter(({ userId }) => userId === userIds[2]);
    expect(cases).toMatchObject([
      { sequence: 2, taskId: 't2', kind: 'consume', units: 3, reason: 'nobody_to_ask', resolveTime: undefined },
      { sequence: 3, taskId: 't2', kind: 'hold', units: 2, reason: 'nobody_to_ask', resolveTime: undefined },
    ]);
  });

  test('are listed oldest first, each once, in pages of any size', async () => {
    const whole = await listAll({});
    expect(whole).toHaveLength(10);
    const order = whole.map(({ openTime, userId, sequence }) => `${openTime?.toISOString()} ${userId} ${sequence}`);
    expect([...order].sort()).toEqual(order);
    for (const pageSize of [1, 2, 3, 9, 10, 11, 500]) expect(keys(await listAll({ pageSize }))).toEqual(keys(whole));
  });

  test('are opened once, however often their charge is looked at again', async () => {
    h.clock.advanceMs(2 * HOUR_MS);
    const sql = 'SELECT COUNT(*) AS n FROM quota_charges WHERE due_time <= ?';
    await until('the second look', async () => Number((await db.query(sql, [h.clock.now()]))[0]?.['n']) === 0);
    expect(await listAll({})).toHaveLength(10);
  });

  test('end with their charge, by a report or a refund alike, and are then listed as resolved', async () => {
    const [first = '', second = ''] = userIds;
    const report = { requestId: 'o', userId: first, taskId: 't0', outcome: TaskOutcome.SUCCEEDED };
    await mustSucceed(reportOutcome(h, report));
    await mustSucceed(refund(h, { requestId: 'r', userId: second, consumeRequestId: 'c', amount: 1 }));
    expect(keys(await listAll({ resolved: true })).sort()).toEqual([`${first} 2`, `${first} 3`, `${second} 2`].sort());
    expect(await listAll({})).toHaveLength(7);
    for (const one of await listAll({ resolved: true })) {
      expect(one.resolveTime?.getTime()).toBeGreaterThan(one.openTime?.getTime() ?? Infinity);
    }
  });
});

test('a later page of open cases begins in the index where the page before ended, and sorts nothing', async () => {
  const database = openServiceDatabase(readInfra(), db);
  const statements: { sql: string; bindings: readonly unknown[] }[] = [];
  database.knex.on('query', (query: (typeof statements)[number]) => void statements.push(query));
  const { nextPageToken } = await listSettlementCases(database, false, 2, '');
  await listSettlementCases(database, false, 2, nextPageToken);
  await database.knex.destroy();
  for (const { sql, bindings } of statements) {
    const [plan] = await db.query(`EXPLAIN ${sql}`, bindings);
    expect(plan).toMatchObject({ key: 'settlement_cases_by_open' });
    expect(String(plan?.['Extra'])).not.toMatch(/filesort|temporary/);
  }
  const [later] = await db.query(`EXPLAIN ${statements[1]?.sql ?? ''}`, statements[1]?.bindings);
  expect(later).toMatchObject({ type: 'range' });
});

describe('a page token of cases', () => {
  test('of the other list is refused', async () => {
    const { nextPageToken } = await mustSucceed(listCases(h, { pageSize: 1 }));
    expect(nextPageToken).not.toBe('');
    expect(await listCases(h, { resolved: true, pageToken: nextPageToken })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      fields: ['page_token'],
    });
  });

  test('whose key was forged is refused and never reaches the database', async () => {
    const { nextPageToken } = await mustSucceed(listCases(h, { pageSize: 1 }));
    const [version, mark] = Buffer.from(nextPageToken, 'base64url').toString().split('\n');
    for (const key of ['x', '1', '1 2', '1e400 1 u', '1 -1 u', `1 1 ${'x'.repeat(65)}`, '']) {
      const pageToken = Buffer.from([version, mark, key].join('\n')).toString('base64url');
      expect(await listCases(h, { pageToken })).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['page_token'] });
    }
  });
});
