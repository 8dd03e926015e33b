import { QuotaLogType, type ListQuotaLogsRequest, type QuotaLog } from '../../../src/gen/billing/v1/quota_service.pb';
import { mustSucceed } from '../../support/clients';
import { consume, newId, refund, registerUser, startHarness, type Harness } from '../../support/harness';
import { capture, hold, listLogs, release } from '../../support/quota-calls';
import { readUserRows } from '../../support/user-rows';

let h: Harness;
let userId: string;
beforeAll(async () => {
  h = await startHarness();
  userId = await registerUser(h);
  for (let i = 0; i < 4; i += 1) {
    await mustSucceed(consume(h, { requestId: `c${i}`, userId, amount: 2 }));
    await mustSucceed(refund(h, { requestId: `r${i}`, userId, consumeRequestId: `c${i}`, amount: 1 }));
    h.clock.advanceMs(60_000);
  }
});
afterAll(() => h.stop());

const list = (fields: Partial<ListQuotaLogsRequest>) => listLogs(h, { userId, ...fields });

async function listAll(fields: Partial<ListQuotaLogsRequest>, between?: () => Promise<unknown>): Promise<QuotaLog[]> {
  const rows: QuotaLog[] = [];
  for (let pageToken = '', pages = 0; pages < 100; pages += 1) {
    const page = await mustSucceed(list({ ...fields, pageToken }));
    rows.push(...page.logs);
    if (page.nextPageToken === '') return rows;
    pageToken = page.nextPageToken;
    await between?.();
  }
  throw new Error('the list never ended');
}

const sequences = (rows: readonly QuotaLog[]): number[] => rows.map((row) => row.sequence);

/** Lesson 52: keyset pages, newest first. */
describe('the log of a user', () => {
  test('is listed newest first, every row once, in pages of any size', async () => {
    const whole = sequences(await listAll({}));
    expect(whole).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
    for (const pageSize of [1, 2, 3, 8, 9, 10, 200, 2_000]) {
      expect(sequences(await listAll({ pageSize }))).toEqual(whole);
    }
  });

  test('neither skips nor repeats a row while new rows arrive between pages', async () => {
    const other = await registerUser(h);
    for (let i = 0; i < 4; i += 1) await mustSucceed(consume(h, { requestId: `c${i}`, userId: other }));
    const arrive = () => mustSucceed(consume(h, { requestId: newId('c'), userId: other }));
    const seen = sequences(await listAll({ userId: other, pageSize: 2 }, arrive));
    expect(seen).toEqual([5, 4, 3, 2, 1]);
  });

  test('is filtered by type', async () => {
    expect(sequences(await listAll({ type: QuotaLogType.CONSUME, pageSize: 3 }))).toEqual([8, 6, 4, 2]);
    expect(sequences(await listAll({ type: QuotaLogType.REFUND }))).toEqual([9, 7, 5, 3]);
    expect(await listAll({ type: QuotaLogType.HOLD })).toEqual([]);
  });

  test('is filtered by the types of holds, and says which row a row settles', async () => {
    const other = await registerUser(h);
    for (const requestId of ['h1', 'h2']) await mustSucceed(hold(h, { requestId, userId: other, amount: 2 }));
    await mustSucceed(capture(h, { requestId: 'k1', userId: other, holdId: 'h1', amount: 1 }));
    await mustSucceed(release(h, { requestId: 'k2', userId: other, holdId: 'h2' }));
    const rowsOf = async (type: QuotaLogType) =>
      (await listAll({ userId: other, type })).map(({ sequence, amount, units, consumeSequence }) => {
        return [sequence, amount, units, consumeSequence];
      });
    expect(await rowsOf(QuotaLogType.HOLD)).toEqual([
      [3, -2, 2, 0],
      [2, -2, 2, 0],
    ]);
    expect(await rowsOf(QuotaLogType.CAPTURE)).toEqual([[4, 1, 1, 2]]);
    expect(await rowsOf(QuotaLogType.RELEASE)).toEqual([[5, 2, 2, 3]]);
  });

  test('is filtered by time, start inclusive and end exclusive', async () => {
    const whole = await listAll({});
    const startTime = whole.find((row) => row.sequence === 4)?.createTime;
    const endTime = whole.find((row) => row.sequence === 8)?.createTime;
    expect(sequences(await listAll({ startTime, endTime, pageSize: 2 }))).toEqual([7, 6, 5, 4]);
    expect(sequences(await listAll({ startTime, endTime, type: QuotaLogType.CONSUME }))).toEqual([6, 4]);
    expect(await listAll({ startTime: endTime, endTime })).toEqual([]);
    const reversed = await list({ startTime: endTime, endTime: startTime });
    expect(reversed).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['end_time'] });
  });

  test.each([
    ['the year 275760', 'INVALID_REQUEST', new Date(8.64e15)],
    ['the year 10000', 'INVALID_REQUEST', new Date('+010000-01-01T00:00:00Z')],
    ['the year 1', 'a list', new Date('0001-01-01T00:00:00Z')],
  ])('bounded by %s is %s', async (_what, expected, instant) => {
    for (const bound of [{ startTime: instant }, { endTime: instant }]) {
      const reply = await list(bound);
      expect(reply.ok ? 'a list' : reply.reason).toBe(expected);
    }
  });

  test('of an unknown user is USER_NOT_FOUND', async () => {
    expect(await list({ userId: newId('nobody') })).toMatchObject({ code: 'NOT_FOUND', reason: 'USER_NOT_FOUND' });
  });
});

describe('a page token', () => {
  test.each([
    ['of another user', async () => ({ userId: await registerUser(h) })],
    ['of another type', () => Promise.resolve({ type: QuotaLogType.CONSUME })],
    ['of another time', () => Promise.resolve({ startTime: new Date(0) })],
  ])('%s is refused', async (_what, change) => {
    const { nextPageToken } = await mustSucceed(list({ pageSize: 2 }));
    expect(nextPageToken).not.toBe('');
    expect(await list({ ...(await change()), pageToken: nextPageToken })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: ['page_token'],
    });
  });

  test('whose row was forged is refused and never reaches the database', async () => {
    const { nextPageToken } = await mustSucceed(list({ pageSize: 2 }));
    const [version, mark] = Buffer.from(nextPageToken, 'base64url').toString().split('\n');
    const before = await readUserRows(h.db, userId);
    for (const key of ['x', 'NaN', '-1', '1e400', '1; DROP TABLE users', '']) {
      const pageToken = Buffer.from([version, mark, key].join('\n')).toString('base64url');
      expect(await list({ pageToken })).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['page_token'] });
    }
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});
