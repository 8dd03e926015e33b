import { mustSucceed } from '../../support/clients';
import { consume, refund, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { capture, getQuota, hold, release } from '../../support/quota-calls';
import { expectBalanced, readChargeWords, readLogWords, readUserRows } from '../../support/user-rows';

const DAY_MS = 86_400_000;
const LONG = { seconds: 30 * 86_400, nanos: 0 };

let h: Harness;
beforeEach(async () => {
  h = await startHarness();
});
afterEach(() => h.stop());

/** A user whose 10 units expire in 30 days; a hold of a later day keeps 6 of them past that. */
async function userWithHoldPastExpiry(): Promise<string> {
  const userId = await registerUser(h);
  h.clock.advanceMs(5 * DAY_MS);
  await mustSucceed(hold(h, { requestId: 'h', userId, amount: 6, ttl: LONG }));
  h.clock.advanceMs(26 * DAY_MS);
  return userId;
}

/** Design §3: expiry touches only what remains; what comes back to an expired lot ends, and is replaced with a grace. */
describe('a hold whose lot expired meanwhile', () => {
  test('is captured in full all the same: capture ignores expiry', async () => {
    const userId = await userWithHoldPastExpiry();
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 0, quotaHeld: 6, grants: [] });
    expect(await mustSucceed(capture(h, { requestId: 'k', userId, holdId: 'h', amount: 6 }))).toMatchObject({
      quotaRemaining: 0,
      log: { amount: 0, units: 6 },
    });
    expect(await readLogWords(h.db, userId)).toEqual([
      'system GRANT 10',
      'caller HOLD -6',
      'system EXPIRE -4',
      'caller CAPTURE 0',
    ]);
    expect(await expectBalanced(h.db, userId)).toBe(0);
  });

  test('gives what a capture frees back as a compensation of seven days', async () => {
    const userId = await userWithHoldPastExpiry();
    const first = await mustSucceed(capture(h, { requestId: 'k', userId, holdId: 'h', amount: 2 }));
    expect(first).toMatchObject({ quotaRemaining: 4, log: { amount: 4, units: 2 } });
    expect(await readLogWords(h.db, userId)).toEqual([
      'system GRANT 10',
      'caller HOLD -6',
      'system EXPIRE -4',
      'caller CAPTURE 4',
      'system EXPIRE -4',
      'system GRANT 4',
    ]);
    const { grants } = await getQuota(h, userId);
    expect(grants).toMatchObject([{ source: 'compensation', amount: 4, remaining: 4 }]);
    const [{ createTime, expireTime } = { createTime: undefined, expireTime: undefined }] = grants;
    expect((expireTime?.getTime() ?? 0) - (createTime?.getTime() ?? 0)).toBe(7 * DAY_MS);
    expect(await expectBalanced(h.db, userId)).toBe(4);

    const before = await readUserRows(h.db, userId);
    const again = await mustSucceed(capture(h, { requestId: 'k', userId, holdId: 'h', amount: 2 }));
    expect(again).toEqual({ ...first, replayed: true });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('gives all of it back when released, and nothing twice when asked again', async () => {
    const userId = await userWithHoldPastExpiry();
    const first = await mustSucceed(release(h, { requestId: 'k', userId, holdId: 'h' }));
    expect(first).toMatchObject({ quotaRemaining: 6, log: { amount: 6 } });
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 6, quotaHeld: 0 });
    expect(await mustSucceed(release(h, { requestId: 'k', userId, holdId: 'h' }))).toEqual({
      ...first,
      replayed: true,
    });
    expect(await expectBalanced(h.db, userId)).toBe(6);
  });

  test('keeps one deadline for what a capture freed and what a later refund returns', async () => {
    const userId = await userWithHoldPastExpiry();
    await mustSucceed(capture(h, { requestId: 'k', userId, holdId: 'h', amount: 5 }));
    h.clock.advanceMs(3 * DAY_MS);
    await mustSucceed(refund(h, { requestId: 'r', userId, consumeRequestId: 'k', amount: 2 }));
    const { grants } = await getQuota(h, userId);
    expect(grants.map(({ remaining }) => remaining)).toEqual([1, 2]);
    expect(new Set(grants.map(({ expireTime }) => expireTime?.getTime())).size).toBe(1);
    h.clock.advanceMs(5 * DAY_MS);
    expect(await mustSucceed(refund(h, { requestId: 'r2', userId, consumeRequestId: 'h' }))).toMatchObject({
      quotaRemaining: 0,
      log: { amount: 3 },
    });
    expect(await readChargeWords(h.db, userId)).toEqual(['2 hold settled 6/6']);
    expect(await expectBalanced(h.db, userId)).toBe(0);
  });

  test('sees its refused capture change nothing, not even what is due to expire (lesson 1)', async () => {
    const userId = await userWithHoldPastExpiry();
    const before = await readUserRows(h.db, userId);
    expect(await capture(h, { requestId: 'k', userId, holdId: 'h', amount: 7 })).toMatchObject({ fields: ['amount'] });
    expect(await consume(h, { requestId: 'c', userId })).toMatchObject({ reason: 'QUOTA_INSUFFICIENT' });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});

/** Lesson 17, the sweeper: a hold that nobody settled does not leak. */
test('a hold without a task is released when its time is over, by the service, once', async () => {
  const userId = await registerUser(h);
  await mustSucceed(hold(h, { requestId: 'h', userId, amount: 6, ttl: { seconds: 60, nanos: 0 } }));
  h.clock.advanceMs(60_000);
  await until('the release', async () => (await readChargeWords(h.db, userId))[0] === '2 hold released 6/6');
  expect(await readLogWords(h.db, userId)).toEqual(['system GRANT 10', 'caller HOLD -6', 'system RELEASE 6']);
  expect(await capture(h, { requestId: 'k', userId, holdId: 'h' })).toMatchObject({ reason: 'HOLD_NOT_OPEN' });
  expect(await expectBalanced(h.db, userId)).toBe(10);
});
