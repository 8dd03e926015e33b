import { call, mustSucceed } from '../../support/clients';
import { consume, refund, registerUser, startHarness, type Harness } from '../../support/harness';
import { expectBalanced, readLogRows, readUserRows } from '../../support/user-rows';

const DAY_MS = 86_400_000;

let h: Harness;
beforeEach(async () => {
  h = await startHarness();
});
afterEach(() => h.stop());

const getQuota = (userId: string) => {
  const { quota } = h.as('ai-task-service');
  return mustSucceed(call(quota.getQuota.bind(quota), { userId }));
};
const rowsOf = async (userId: string): Promise<unknown[]> =>
  (await readLogRows(h.db, userId)).map((row) => [row['origin'], row['type'], row['amount']].join(' '));

/** Design §3: an expired unit is never shown nor spent, booked or not. */
describe('expiry', () => {
  test('is seen by GetQuota at once, which books nothing', async () => {
    const userId = await registerUser(h);
    h.clock.advanceMs(30 * DAY_MS);
    const before = await readUserRows(h.db, userId);
    expect(await getQuota(userId)).toMatchObject({ quotaRemaining: 0, grants: [] });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('lets no expired unit be spent, and a refused consume books nothing (lesson 1)', async () => {
    const userId = await registerUser(h);
    h.clock.advanceMs(30 * DAY_MS);
    const before = await readUserRows(h.db, userId);
    expect(await consume(h, { requestId: 'late', userId })).toMatchObject({
      reason: 'QUOTA_INSUFFICIENT',
      metadata: { amount: '1', quota_remaining: '0' },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('is booked first by the next write, in a row of the service', async () => {
    const userId = await registerUser(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 4 }));
    h.clock.advanceMs(31 * DAY_MS);
    const { quotaRemaining } = await mustSucceed(refund(h, { requestId: 'r', userId, consumeRequestId: 'c' }));
    expect(quotaRemaining).toBe(4);
    expect(await rowsOf(userId)).toEqual([
      'system GRANT 10',
      'caller CONSUME -4',
      'system EXPIRE -6',
      'caller REFUND 4',
      'system EXPIRE -4',
      'system GRANT 4',
    ]);
    expect(await expectBalanced(h.db, userId)).toBe(4);
    const [compensation] = (await getQuota(userId)).grants;
    const granted = compensation?.createTime?.getTime() ?? 0;
    expect(compensation).toMatchObject({ source: 'compensation', amount: 4, remaining: 4 });
    expect(compensation?.expireTime?.getTime()).toBe(granted + 7 * DAY_MS);
  });

  test('of a compensation is final: what comes back to it later ends (lesson 28)', async () => {
    const userId = await registerUser(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 4 }));
    h.clock.advanceMs(31 * DAY_MS);
    await mustSucceed(refund(h, { requestId: 'r1', userId, consumeRequestId: 'c', amount: 2 }));
    h.clock.advanceMs(3 * DAY_MS);
    await mustSucceed(refund(h, { requestId: 'r2', userId, consumeRequestId: 'c', amount: 1 }));
    const deadlines = (await getQuota(userId)).grants.map((grant) => grant.expireTime?.getTime());
    expect(deadlines).toHaveLength(2);
    expect(new Set(deadlines).size).toBe(1);
    await mustSucceed(consume(h, { requestId: 'c2', userId, amount: 3 }));
    h.clock.advanceMs(5 * DAY_MS);
    const last = await mustSucceed(refund(h, { requestId: 'r3', userId, consumeRequestId: 'c2' }));
    expect(last.quotaRemaining).toBe(0);
    expect(await getQuota(userId)).toMatchObject({ quotaRemaining: 0, grants: [] });
    expect(await expectBalanced(h.db, userId)).toBe(0);
    const lots = await h.db.query('SELECT * FROM quota_grants WHERE user_id = ?', [userId]);
    expect(lots).toHaveLength(3);
  });

  test('after the grace ended leaves nothing, and the replay of such a refund tells what its first answer told', async () => {
    const userId = await registerUser(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 4 }));
    h.clock.advanceMs(31 * DAY_MS);
    await mustSucceed(refund(h, { requestId: 'r1', userId, consumeRequestId: 'c', amount: 1 }));
    h.clock.advanceMs(8 * DAY_MS);
    const first = await mustSucceed(refund(h, { requestId: 'r2', userId, consumeRequestId: 'c' }));
    expect(first).toMatchObject({ quotaRemaining: 0, replayed: false, log: { amount: 3 } });
    const again = await mustSucceed(refund(h, { requestId: 'r2', userId, consumeRequestId: 'c' }));
    expect(again).toEqual({ ...first, replayed: true });
  });
});
