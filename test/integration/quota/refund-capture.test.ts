import { mustSucceed } from '../../support/clients';
import { refund, registerUser, startHarness, type Harness } from '../../support/harness';
import { capture, getQuota, hold, release } from '../../support/quota-calls';
import { expectBalanced, readChargeWords, readLogRows, readUserRows } from '../../support/user-rows';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

/** A user with 10 units, of whose hold `h` of 6 the capture `k` took 4 for good. */
async function userWithCapture(): Promise<string> {
  const userId = await registerUser(h);
  await mustSucceed(hold(h, { requestId: 'h', userId, amount: 6, taskId: 'task-7' }));
  await mustSucceed(capture(h, { requestId: 'k', userId, holdId: 'h', amount: 4 }));
  return userId;
}

const refundOf = (userId: string, consumeRequestId: string, requestId: string, amount: number) =>
  refund(h, { requestId, userId, consumeRequestId, amount });

/** Design §3: what was captured is returned like what was consumed, at most once over. */
describe('a refund of a captured hold', () => {
  test.each([
    ['its capture', 'k'],
    ['its hold', 'h'],
  ])('by the id of %s returns at most what was captured', async (_what, id) => {
    const userId = await userWithCapture();
    expect(await mustSucceed(refundOf(userId, id, 'r1', 3))).toMatchObject({
      quotaRemaining: 9,
      log: { amount: 3, units: 3, consumeSequence: 2, taskId: 'task-7' },
    });
    const before = await readUserRows(h.db, userId);
    expect(await refundOf(userId, id, 'r2', 2)).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'REFUND_EXCEEDS_CONSUMED',
      metadata: { amount: '2', units_left: '1' },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect(await mustSucceed(refundOf(userId, id, 'r2', 0))).toMatchObject({ quotaRemaining: 10 });
    expect(await readChargeWords(h.db, userId)).toEqual(['2 hold settled 6/6']);
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('by both ids together returns no more than by one', async () => {
    const userId = await userWithCapture();
    await mustSucceed(refundOf(userId, 'k', 'r1', 3));
    expect(await refundOf(userId, 'h', 'r2', 2)).toMatchObject({ reason: 'REFUND_EXCEEDS_CONSUMED' });
    await mustSucceed(refundOf(userId, 'h', 'r3', 1));
    expect(await refundOf(userId, 'k', 'r4', 0)).toMatchObject({ reason: 'REFUND_EXCEEDS_CONSUMED' });
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('asked for 40 times at once by both ids returns each unit once (lessons 9, 39)', async () => {
    const userId = await userWithCapture();
    const calls = Array.from({ length: 40 }, (_, i) => refundOf(userId, i % 2 === 0 ? 'k' : 'h', `r${i}`, 1));
    expect((await Promise.all(calls)).filter((reply) => reply.ok)).toHaveLength(4);
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });
});

describe('a hold that took nothing', () => {
  test('because it is open is CONSUME_NOT_FOUND to a refund, and stays open', async () => {
    const userId = await registerUser(h);
    await mustSucceed(hold(h, { requestId: 'h', userId, amount: 6 }));
    const before = await readUserRows(h.db, userId);
    expect(await refundOf(userId, 'h', 'r', 0)).toMatchObject({ code: 'NOT_FOUND', reason: 'CONSUME_NOT_FOUND' });
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect(await getQuota(h, userId)).toMatchObject({ quotaHeld: 6 });
  });

  test('because it was released is CONSUME_NOT_FOUND to a refund, by either id: released units come back once', async () => {
    const userId = await registerUser(h);
    await mustSucceed(hold(h, { requestId: 'h', userId, amount: 6 }));
    await mustSucceed(release(h, { requestId: 'k', userId, holdId: 'h' }));
    const before = await readUserRows(h.db, userId);
    for (const id of ['h', 'k']) {
      expect(await refundOf(userId, id, 'r', 0)).toMatchObject({ reason: 'CONSUME_NOT_FOUND' });
    }
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect(await readLogRows(h.db, userId)).toHaveLength(3);
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });
});
