import { TaskOutcome } from '../../../src/gen/billing/v1/quota_service.pb';
import { mustSucceed } from '../../support/clients';
import { openTestDatabase, type Row, type TestDatabase } from '../../support/database';
import { consume, registerUser, startHarness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { capture, hold, reportOutcome } from '../../support/quota-calls';
import { checksums, errnoOf, REFUSALS } from '../../support/schema-facts';

const { trigger, check } = REFUSALS;
const DUPLICATE = 1062;

let db: TestDatabase;
/** Has, by sequence: 2 an open consume, 3 an open hold, 4 a captured hold, 6 a consume that a report settled. */
let userId: string;
let before: Awaited<ReturnType<typeof checksums>>;

beforeAll(async () => {
  const h = await startHarness();
  userId = await registerUser(h);
  await mustSucceed(consume(h, { requestId: 'c2', userId, amount: 2, taskId: 't' }));
  await mustSucceed(hold(h, { requestId: 'h3', userId, amount: 2, taskId: 't' }));
  await mustSucceed(hold(h, { requestId: 'h4', userId, amount: 3 }));
  await mustSucceed(capture(h, { requestId: 'k5', userId, holdId: 'h4', amount: 2 }));
  await mustSucceed(consume(h, { requestId: 'c6', userId, amount: 1, taskId: 'over' }));
  const report = { requestId: 'o', userId, taskId: 'over', outcome: TaskOutcome.SUCCEEDED };
  await mustSucceed(reportOutcome(h, report));
  await h.stop();
  db = await openTestDatabase(readInfra());
  before = await checksums(db);
});
afterEach(async () => {
  expect(await checksums(db)).toEqual(before);
});
afterAll(() => db.close());

/** The error number of an insert by the serving account of a row like another. */
async function insertLike(table: string, condition: string, changes: Row): Promise<number> {
  const [source] = await db.query(`SELECT * FROM ${table} WHERE user_id = ? AND ${condition}`, [userId]);
  const row = { ...source, ...changes };
  return errnoOf(db, `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (?)`, 'app', [Object.values(row)]);
}

const changeCharge = (sequence: number, change: string): Promise<number> =>
  errnoOf(db, `UPDATE quota_charges SET ${change} WHERE user_id = ? AND sequence = ${sequence}`, 'app', [userId]);

/** Lessons 11, 35: one terminal state, enforced by the database. */
describe('a charge', () => {
  test.each([
    ['settled', 'opened again', 4, "state = 'open'"],
    ['settled', 'released', 4, "state = 'released', returned = units"],
    ['settled consume', 'opened again', 6, "state = 'open'"],
    ['charge that gave units back', 'told that it did not', 4, 'returned = 0'],
    ['charge that gave nothing back', 'told that it gave less', 2, 'returned = -1'],
  ])('that is %s is never %s', async (_is, _never, sequence, change) => {
    expect(trigger).toContain(await changeCharge(sequence, change));
  });

  test.each([
    ['returns more than it took', 2, 'returned = units + 1'],
    ['is an open hold of which a part came back', 3, 'returned = 1'],
    ['is a released hold of which a part stayed', 3, "state = 'released', returned = 1, due_time = NULL"],
    ['is a released consume', 2, "state = 'released', returned = units, due_time = NULL"],
    ['is settled and yet due', 2, "state = 'settled'"],
    ['is in a state that nobody knows', 2, "state = 'lost', due_time = NULL"],
    ['remembers what is no JSON', 2, "late_returns = 'x'"],
  ])('never %s', async (_what, sequence, change) => {
    expect(check).toContain(await changeCharge(sequence, change));
  });

  test('is one for each row, of units, of a kind that is known', async () => {
    expect(await insertLike('quota_charges', 'sequence = 2', {})).toBe(DUPLICATE);
    const other = { sequence: 99 };
    expect(check).toContain(await insertLike('quota_charges', 'sequence = 2', { ...other, units: 0 }));
    expect(check).toContain(await insertLike('quota_charges', 'sequence = 2', { ...other, kind: 'gift' }));
  });
});

describe('what was reported about a task', () => {
  test('is one thing under one id', async () => {
    expect(await insertLike('quota_task_outcomes', '1', { outcome: 'FAILED' })).toBe(DUPLICATE);
  });

  test.each([
    ['an outcome that is none', { outcome: 'UNSPECIFIED' }],
    ['a first row and no last', { first_sequence: 1 }],
    ['rows that run backwards', { first_sequence: 2, last_sequence: 1 }],
    ['a negative balance', { quota_remaining: -1 }],
    ['less than no charges', { charges_settled: -1 }],
  ])('never has %s', async (_what, changes) => {
    expect(check).toContain(await insertLike('quota_task_outcomes', '1', { request_id: 'forged', ...changes }));
  });
});

describe('a case', () => {
  const opened = { task_id: 't', kind: 'consume', units: 2, reason: 'unknown', open_time: new Date('2026-01-01') };
  const insertCase = (changes: Row): Promise<number> => {
    const row = { user_id: userId, sequence: 99, ...opened, resolve_time: null, ...changes };
    const sql = `INSERT INTO settlement_cases (${Object.keys(row).join(', ')}) VALUES (?)`;
    return errnoOf(db, sql, 'app', [Object.values(row)]);
  };

  test.each([
    ['a reason that nobody knows', { reason: 'boredom' }],
    ['a kind that is no charge', { kind: 'grant' }],
    ['an end before its beginning', { resolve_time: new Date('2025-12-31') }],
  ])('never has %s', async (_what, changes) => {
    expect(check).toContain(await insertCase(changes));
  });
});

test.each([
  ['content', { content: 'x' }],
  ['values', { metadata: 'x' }],
])('a refusal never has %s that are no JSON', async (_what, changes) => {
  const row = {
    ...{ user_id: userId, request_id: 'forged', kind: 'ConsumeQuota', content: '{}', code: 'NOT_FOUND' },
    ...{ reason: 'USER_NOT_FOUND', metadata: '{}', actor: 'somebody', create_time: new Date('2026-01-01'), ...changes },
  };
  const sql = `INSERT INTO request_refusals (${Object.keys(row).join(', ')}) VALUES (?)`;
  expect(check).toContain(await errnoOf(db, sql, 'app', [Object.values(row)]));
});
