import { status } from '@grpc/grpc-js';
import type { BatchConsumeQuotaResult, ConsumeQuotaRequest } from '../../../src/gen/billing/v1/quota_service.pb';
import { mustSucceed } from '../../support/clients';
import { consume, newId, registerMember, registerUser, startHarness, type Harness } from '../../support/harness';
import { batchConsume } from '../../support/quota-calls';
import { countAllRows, expectBalanced, readLogRows, readUserRows } from '../../support/user-rows';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

type Items = readonly Partial<ConsumeQuotaRequest>[];

async function resultsOf(items: Items): Promise<BatchConsumeQuotaResult[]> {
  const { results } = await mustSucceed(batchConsume(h, items));
  expect(results).toHaveLength(items.length);
  return results;
}

/** A result in a word: the id of the row, `replayed` before it, or the reason of the refusal. */
function word({ result }: BatchConsumeQuotaResult): string {
  if (result?.$case === 'response') {
    return `${result.value.replayed ? 'replayed ' : ''}${result.value.log?.requestId}`;
  }
  return result?.$case === 'error' ? result.value.reason : 'nothing';
}

/** R3.2: many consumes in one call, each decided on its own. */
describe('a batch of consumes', () => {
  test('of 1 000 items on many users and a hot one answers each in its place, and takes each once', async () => {
    const { userId: hot } = await registerMember(h);
    const others = await Promise.all(Array.from({ length: 50 }, () => registerUser(h)));
    const items = Array.from({ length: 1_000 }, (_, i) => {
      const userId = i % 2 === 0 ? hot : (others[(i >> 1) % others.length] ?? '');
      return { requestId: `b${i}`, userId, amount: 1, taskId: `t${i}` };
    });
    const results = await resultsOf(items);
    expect(results.map(word)).toEqual(items.map(({ requestId }) => requestId));
    expect((await readLogRows(h.db, hot)).filter(({ type }) => type === 'CONSUME')).toHaveLength(500);
    expect(await expectBalanced(h.db, hot)).toBe(10);
    for (const userId of others) expect(await expectBalanced(h.db, userId)).toBe(0);

    const again = await resultsOf(items);
    expect(again.map(word)).toEqual(items.map(({ requestId }) => `replayed ${requestId}`));
    expect(await expectBalanced(h.db, hot)).toBe(10);
  });

  test('decides the items of one user in their order, as ConsumeQuota would one after another', async () => {
    const userId = await registerUser(h);
    const results = await resultsOf([
      { requestId: 'a', userId, amount: 6 },
      { requestId: 'b', userId, amount: 5 },
      { requestId: 'c', userId, amount: 4 },
      { requestId: 'd', userId, amount: 1 },
    ]);
    expect(results.map(word)).toEqual(['a', 'QUOTA_INSUFFICIENT', 'c', 'QUOTA_INSUFFICIENT']);
    expect(results[1]?.result).toMatchObject({
      value: { code: status.FAILED_PRECONDITION, metadata: { amount: '5', quota_remaining: '4' }, fields: [] },
    });
    const balances = results.map(({ result }) => (result?.$case === 'response' ? result.value.quotaRemaining : -1));
    expect(balances).toEqual([4, -1, 0, -1]);
    expect(await expectBalanced(h.db, userId)).toBe(0);
  });

  test('answers a replay as ConsumeQuota does, and is answered by it', async () => {
    const userId = await registerUser(h);
    const first = await mustSucceed(consume(h, { requestId: 'c', userId, amount: 2 }));
    const [result] = await resultsOf([{ requestId: 'c', userId, amount: 2 }]);
    expect(result?.result).toEqual({ $case: 'response', value: { ...first, replayed: true } });
    const [fresh] = await resultsOf([{ requestId: 'b', userId, amount: 3 }]);
    const replay = await mustSucceed(consume(h, { requestId: 'b', userId, amount: 3 }));
    expect(fresh?.result).toEqual({ $case: 'response', value: { ...replay, replayed: false } });
  });

  test('with the same item twice does it once: the second is replayed', async () => {
    const userId = await registerUser(h);
    const item = { requestId: 'b', userId, amount: 3 };
    const results = await resultsOf([item, item, item]);
    expect(results.map(word)).toEqual(['b', 'replayed b', 'replayed b']);
    expect(await expectBalanced(h.db, userId)).toBe(7);
  });

  test('with one id and two contents does the first and refuses the second', async () => {
    const userId = await registerUser(h);
    const results = await resultsOf([
      { requestId: 'b', userId, amount: 3 },
      { requestId: 'b', userId, amount: 4 },
      { requestId: 'b', userId, amount: 3, taskId: 't' },
    ]);
    expect(results.map(word)).toEqual(['b', 'REQUEST_ID_REUSED', 'REQUEST_ID_REUSED']);
    expect(results[1]?.result).toMatchObject({ value: { code: status.ALREADY_EXISTS } });
    expect(await expectBalanced(h.db, userId)).toBe(7);
  });

  test('with the same id for two users does both', async () => {
    const [first, second] = [await registerUser(h), await registerUser(h)];
    const results = await resultsOf([
      { requestId: 'b', userId: first, amount: 3 },
      { requestId: 'b', userId: second, amount: 4 },
    ]);
    expect(results.map(word)).toEqual(['b', 'b']);
    expect([await expectBalanced(h.db, first), await expectBalanced(h.db, second)]).toEqual([7, 6]);
  });
});

describe('a bad item of a batch', () => {
  test('is refused in its place with its path, and touches no neighbour', async () => {
    const userId = await registerUser(h);
    const nobody = newId('nobody');
    const results = await resultsOf([
      { requestId: 'a', userId, amount: 2 },
      { requestId: '', userId, amount: 0 },
      { requestId: 'b', userId: nobody, amount: 2 },
      { requestId: 'c', userId, amount: 100 },
      { requestId: 'd', userId, amount: 2 },
    ]);
    expect(results.map(word)).toEqual(['a', 'INVALID_REQUEST', 'USER_NOT_FOUND', 'QUOTA_INSUFFICIENT', 'd']);
    expect(results.slice(1, 3).map(({ result }) => result?.value)).toMatchObject([
      { code: status.INVALID_ARGUMENT, fields: ['items[1].request_id', 'items[1].amount'] },
      { code: status.NOT_FOUND, fields: [], metadata: { user_id: nobody } },
    ]);
    expect((await readLogRows(h.db, userId)).map((row) => row['request_id'])).toEqual([
      'grant:registration:registration',
      'a',
      'd',
    ]);
    expect(await expectBalanced(h.db, userId)).toBe(6);
  });

  test('that is the only one leaves everything as it was', async () => {
    const userId = await registerUser(h);
    const before = await readUserRows(h.db, userId);
    expect((await resultsOf([{ requestId: 'a', userId, amount: 11 }])).map(word)).toEqual(['QUOTA_INSUFFICIENT']);
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});

test.each([
  ['no items', 0],
  ['1 001 items', 1_001],
])('a batch of %s is INVALID_REQUEST as a whole and takes nothing', async (_what, count) => {
  const userId = await registerUser(h);
  const before = [await readUserRows(h.db, userId), await countAllRows(h.db)];
  const items = Array.from({ length: count }, (_, i) => ({ requestId: `b${i}`, userId }));
  expect(await batchConsume(h, items)).toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_REQUEST',
    fields: ['items'],
  });
  expect([await readUserRows(h.db, userId), await countAllRows(h.db)]).toEqual(before);
});
