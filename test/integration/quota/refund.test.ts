import {
  consume,
  newId,
  refund,
  registerMember,
  registerUser,
  startHarness,
  type Harness,
} from '../../support/harness';
import { mustSucceed } from '../../support/clients';
import { countAllRows, expectBalanced, readLogRows, readUserRows } from '../../support/user-rows';

let h: Harness;
beforeAll(async () => {
  // A busy machine must not turn waiting for a connection into a refusal.
  h = await startHarness({ DATABASE_ACQUIRE_TIMEOUT_MS: '20000' });
});
afterAll(() => h.stop());

/** A registered user of whose 10 units the consume `c` took 6. */
async function userWithConsume(): Promise<string> {
  const userId = await registerUser(h);
  await mustSucceed(consume(h, { requestId: 'c', userId, amount: 6, taskId: 'task-7', taskType: 'image.generate' }));
  return userId;
}

const refundC = (userId: string, requestId: string, amount: number) =>
  refund(h, { requestId, userId, consumeRequestId: 'c', amount, reason: '任务失败' });

/** R3.2, must show 4. */
describe('a refund', () => {
  test('of a part, then of the rest, returns what was taken and no unit more', async () => {
    const userId = await userWithConsume();
    const part = await mustSucceed(refundC(userId, 'r1', 2));
    expect([part.quotaRemaining, part.replayed]).toEqual([6, false]);
    expect(part.log).toMatchObject({
      sequence: 3,
      amount: 2,
      units: 2,
      consumeSequence: 2,
      taskId: 'task-7',
      taskType: 'image.generate',
      description: '任务失败',
    });
    expect((await mustSucceed(refundC(userId, 'r2', 0))).quotaRemaining).toBe(10);
    expect(await expectBalanced(h.db, userId)).toBe(10);
    const rows = await readLogRows(h.db, userId);
    expect(rows.map((row) => [row['type'], row['consume_sequence'], row['actor']])).toEqual([
      ['GRANT', null, 'spiffe://billing/order-service/order-service'],
      ['CONSUME', null, 'spiffe://billing/ai-task-service/ai-task-service'],
      ['REFUND', 2, 'spiffe://billing/ai-task-service/ai-task-service'],
      ['REFUND', 2, 'spiffe://billing/ai-task-service/ai-task-service'],
    ]);
  });

  test.each([
    ['one unit too many', 5],
    ['more than was ever taken', 7],
  ])('of %s is refused and returns nothing (lesson 1)', async (_what, amount) => {
    const userId = await userWithConsume();
    await mustSucceed(refundC(userId, 'r1', 2));
    const before = await readUserRows(h.db, userId);
    expect(await refundC(userId, 'r2', amount)).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'REFUND_EXCEEDS_CONSUMED',
      metadata: { amount: String(amount), units_left: '4' },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('of all that is left, when nothing is left, is refused', async () => {
    const userId = await userWithConsume();
    await mustSucceed(refundC(userId, 'r1', 0));
    const before = await readUserRows(h.db, userId);
    expect(await refundC(userId, 'r2', 0)).toMatchObject({ reason: 'REFUND_EXCEEDS_CONSUMED' });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('with the same id again returns the first row, also when nothing is left (lesson 16)', async () => {
    const userId = await userWithConsume();
    const first = await mustSucceed(refundC(userId, 'r1', 0));
    const before = await readUserRows(h.db, userId);
    expect(await mustSucceed(refundC(userId, 'r1', 0))).toEqual({ ...first, replayed: true });
    expect(await refundC(userId, 'r1', 1)).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test.each([
    ['an unknown consume', 'missing'],
    ['a refund', 'r1'],
    ["the service's own row", 'grant:registration:registration'],
  ])('of %s is CONSUME_NOT_FOUND', async (_what, consumeRequestId) => {
    const userId = await userWithConsume();
    await mustSucceed(refundC(userId, 'r1', 2));
    const before = await readUserRows(h.db, userId);
    expect(await refund(h, { requestId: 'r2', userId, consumeRequestId, amount: 1 })).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'CONSUME_NOT_FOUND',
      metadata: { consume_request_id: consumeRequestId },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test("of another user's consume is CONSUME_NOT_FOUND, and of an unknown user USER_NOT_FOUND", async () => {
    await userWithConsume();
    const stranger = await registerUser(h);
    const before = await countAllRows(h.db);
    expect(await refundC(stranger, 'r1', 1)).toMatchObject({ reason: 'CONSUME_NOT_FOUND' });
    expect(await refundC(newId('nobody'), 'r1', 1)).toMatchObject({ reason: 'USER_NOT_FOUND' });
    expect(await countAllRows(h.db)).toEqual(before);
  });

  test('over several lots gives each lot its own units back', async () => {
    const { userId } = await registerMember(h);
    const lots = () => h.db.query('SELECT grant_id, remaining FROM quota_grants WHERE user_id = ?', [userId]);
    const before = await lots();
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 300 }));
    for (const [i, amount] of [100, 150, 0].entries()) await mustSucceed(refundC(userId, `r${i}`, amount));
    expect(await lots()).toEqual(before);
    expect(await expectBalanced(h.db, userId)).toBe(510);
  });
});

describe('concurrent refunds', () => {
  test('50 of the whole of one consume return it once (lessons 9, 16)', async () => {
    const userId = await userWithConsume();
    const replies = await Promise.all(Array.from({ length: 50 }, (_, i) => refundC(userId, `r${i}`, 0)));
    expect(replies.filter((reply) => reply.ok)).toHaveLength(1);
    const reasons = new Set(replies.flatMap((reply) => (reply.ok ? [] : [reply.reason])));
    expect([...reasons]).toEqual(['REFUND_EXCEEDS_CONSUMED']);
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('50 of one unit each of a consume of 6 return six', async () => {
    const userId = await userWithConsume();
    const replies = await Promise.all(Array.from({ length: 50 }, (_, i) => refundC(userId, `r${i}`, 1)));
    expect(replies.filter((reply) => reply.ok)).toHaveLength(6);
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('racing with consumes keep every total (lesson 18)', async () => {
    const userId = await userWithConsume();
    const calls = Array.from({ length: 20 }, (_, i) => [
      consume(h, { requestId: newId('c'), userId, amount: 1 }),
      refundC(userId, `r${i}`, 1),
    ]);
    const replies = await Promise.all(calls.flat());
    const refunded = replies.filter((reply, i) => reply.ok && i % 2 === 1).length;
    const consumed = replies.filter((reply, i) => reply.ok && i % 2 === 0).length;
    expect(refunded).toBe(6);
    expect(await expectBalanced(h.db, userId)).toBe(4 + refunded - consumed);
  });
});
