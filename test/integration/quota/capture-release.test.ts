import { HoldStatus } from '../../../src/gen/billing/v1/quota_service.pb';
import { mustSucceed } from '../../support/clients';
import { consume, newId, registerMember, registerUser, startHarness, type Harness } from '../../support/harness';
import { capture, getQuota, hold, release } from '../../support/quota-calls';
import {
  countAllRows,
  expectBalanced,
  readChargeWords,
  readLogRows,
  readLogWords,
  readUserRows,
} from '../../support/user-rows';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

/** A user with 10 units of which the hold `h` has 6. */
async function userWithHold(): Promise<string> {
  const userId = await registerUser(h);
  await mustSucceed(hold(h, { requestId: 'h', userId, amount: 6, taskId: 'task-7', taskType: 'image.generate' }));
  return userId;
}

const captureH = (userId: string, requestId: string, amount: number) =>
  capture(h, { requestId, userId, holdId: 'h', amount });
const releaseH = (userId: string, requestId: string, reason = '') =>
  release(h, { requestId, userId, holdId: 'h', reason });

/** R3.3: what was set aside is taken for good once, and what was not needed comes back. */
describe('a capture', () => {
  test('of part of a hold takes that part and frees the rest, in one row', async () => {
    const userId = await userWithHold();
    const answer = await mustSucceed(captureH(userId, 'k', 4));
    expect(answer).toMatchObject({ quotaRemaining: 6, replayed: false });
    expect(answer.hold).toMatchObject({ holdId: 'h', amount: 6, status: HoldStatus.CAPTURED, taskId: 'task-7' });
    expect((await readLogRows(h.db, userId)).at(-1)).toMatchObject({
      ...{ type: 'CAPTURE', amount: 2, units: 4, quota_remaining: 6, consume_sequence: 2, lots: '[[1,2]]' },
      ...{ request_id: 'k', origin: 'caller', task_id: 'task-7', task_type: 'image.generate' },
      actor: 'spiffe://billing/ai-task-service/ai-task-service',
    });
    expect(answer.log).toMatchObject({ requestId: 'k', amount: 2, units: 4, consumeSequence: 2, taskId: 'task-7' });
    expect(await readChargeWords(h.db, userId)).toEqual(['2 hold settled 2/6']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 6, quotaHeld: 0 });
    expect(await expectBalanced(h.db, userId)).toBe(6);
  });

  test('of the whole hold changes the balance by nothing', async () => {
    const userId = await userWithHold();
    expect(await mustSucceed(captureH(userId, 'k', 6))).toMatchObject({
      quotaRemaining: 4,
      log: { amount: 0, units: 6, quotaRemaining: 4 },
    });
    expect(await readChargeWords(h.db, userId)).toEqual(['2 hold settled 0/6']);
    expect(await expectBalanced(h.db, userId)).toBe(4);
  });

  test('over several lots frees the lot that lives longest first', async () => {
    const { userId } = await registerMember(h);
    await mustSucceed(hold(h, { requestId: 'h', userId, amount: 15 }));
    await mustSucceed(captureH(userId, 'k', 3));
    const sql = 'SELECT remaining, held FROM quota_grants WHERE user_id = ? ORDER BY grant_id';
    expect(await h.db.query(sql, [userId])).toEqual([
      { remaining: 7, held: 0 },
      { remaining: 500, held: 0 },
    ]);
    expect(await expectBalanced(h.db, userId)).toBe(507);
  });

  test('of more than the hold has is INVALID_REQUEST, names the amount, and the hold stays open', async () => {
    const userId = await userWithHold();
    const before = await readUserRows(h.db, userId);
    expect(await captureH(userId, 'k', 7)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: ['amount'],
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect(await mustSucceed(captureH(userId, 'k', 6))).toMatchObject({ replayed: false });
  });

  test('with the same id again returns the first answer and changes nothing (lesson 16)', async () => {
    const userId = await userWithHold();
    const first = await mustSucceed(captureH(userId, 'k', 4));
    const before = await readUserRows(h.db, userId);
    expect(await mustSucceed(captureH(userId, 'k', 4))).toEqual({ ...first, replayed: true });
    expect(await captureH(userId, 'k', 5)).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    expect(await releaseH(userId, 'k')).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});

describe('a release', () => {
  test('frees the whole hold in one row that says why', async () => {
    const userId = await userWithHold();
    const answer = await mustSucceed(releaseH(userId, 'k', '任务取消'));
    expect(answer).toMatchObject({ quotaRemaining: 10, replayed: false });
    expect(answer.hold).toMatchObject({ holdId: 'h', status: HoldStatus.RELEASED });
    expect(answer.log).toMatchObject({ amount: 6, units: 6, consumeSequence: 2, description: '任务取消' });
    expect(await readLogWords(h.db, userId)).toEqual(['system GRANT 10', 'caller HOLD -6', 'caller RELEASE 6']);
    expect(await readChargeWords(h.db, userId)).toEqual(['2 hold released 6/6']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 10, quotaHeld: 0 });
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('with the same id again returns the first answer, with another reason it is refused', async () => {
    const userId = await userWithHold();
    const first = await mustSucceed(releaseH(userId, 'k', 'a'));
    const before = await readUserRows(h.db, userId);
    expect(await mustSucceed(releaseH(userId, 'k', 'a'))).toEqual({ ...first, replayed: true });
    expect(await releaseH(userId, 'k', 'b')).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});

/** Lessons 10, 11: one row, one terminal state. */
describe('a hold that is settled', () => {
  const enders = [
    ['captured', (userId: string, requestId: string) => captureH(userId, requestId, 2)],
    ['released', (userId: string, requestId: string) => releaseH(userId, requestId)],
  ] as const;
  const pairs = enders.flatMap(([first, end]) => enders.map(([second, repeat]) => ({ first, second, end, repeat })));

  test.each(pairs)('by being $first is not $second afterwards', async ({ end, repeat }) => {
    const userId = await userWithHold();
    await mustSucceed(end(userId, 'k1'));
    const before = await readUserRows(h.db, userId);
    expect(await repeat(userId, 'k2')).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'HOLD_NOT_OPEN',
      metadata: { hold_id: 'h' },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('refuses more than it had as HOLD_NOT_OPEN: the order of refusals is the documented one', async () => {
    const userId = await userWithHold();
    await mustSucceed(releaseH(userId, 'k1'));
    expect(await captureH(userId, 'k2', 100)).toMatchObject({ reason: 'HOLD_NOT_OPEN' });
  });

  test.each(Array.from({ length: 5 }, (_, i) => i))(
    'by 20 captures and releases at once is settled by exactly one (round %i)',
    async () => {
      const userId = await userWithHold();
      const calls = Array.from({ length: 20 }, (_, i) =>
        i % 2 === 0 ? captureH(userId, `k${i}`, 1 + (i % 6)) : releaseH(userId, `k${i}`),
      );
      const replies = await Promise.all(calls);
      expect(replies.filter((reply) => reply.ok)).toHaveLength(1);
      const reasons = new Set(replies.flatMap((reply) => (reply.ok ? [] : [reply.reason])));
      expect([...reasons]).toEqual(['HOLD_NOT_OPEN']);
      expect(await readLogRows(h.db, userId)).toHaveLength(3);
      expect(await getQuota(h, userId)).toMatchObject({ quotaHeld: 0 });
      await expectBalanced(h.db, userId);
    },
  );
});

describe.each([
  ['a capture', (userId: string, holdId: string) => capture(h, { requestId: 'k', userId, holdId })],
  ['a release', (userId: string, holdId: string) => release(h, { requestId: 'k', userId, holdId })],
])('%s', (_what, end) => {
  test.each([
    ['of an unknown hold', 'missing'],
    ['of a consume', 'c'],
    ['of a capture', 'k1'],
    ["of the service's own row", 'grant:registration:registration'],
  ])('%s is HOLD_NOT_FOUND', async (_which, holdId) => {
    const userId = await userWithHold();
    await mustSucceed(consume(h, { requestId: 'c', userId }));
    await mustSucceed(captureH(userId, 'k1', 2));
    const before = await readUserRows(h.db, userId);
    expect(await end(userId, holdId)).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'HOLD_NOT_FOUND',
      metadata: { hold_id: holdId },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test("of another user's hold is HOLD_NOT_FOUND, and of an unknown user USER_NOT_FOUND", async () => {
    const owner = await userWithHold();
    const stranger = await registerUser(h);
    const before = [await readUserRows(h.db, owner), await countAllRows(h.db)];
    expect(await end(stranger, 'h')).toMatchObject({ code: 'NOT_FOUND', reason: 'HOLD_NOT_FOUND' });
    expect(await end(newId('nobody'), 'h')).toMatchObject({ code: 'NOT_FOUND', reason: 'USER_NOT_FOUND' });
    expect([await readUserRows(h.db, owner), await countAllRows(h.db)]).toEqual(before);
  });
});
