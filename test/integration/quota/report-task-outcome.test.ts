import { TaskOutcome } from '../../../src/gen/billing/v1/quota_service.pb';
import { mustSucceed } from '../../support/clients';
import {
  consume,
  newId,
  refund,
  registerMember,
  registerUser,
  startHarness,
  type Harness,
} from '../../support/harness';
import { capture, getQuota, hold, release, reportOutcome } from '../../support/quota-calls';
import { countAllRows, expectBalanced, readChargeWords, readLogWords, readUserRows } from '../../support/user-rows';

const { FAILED, SUCCEEDED } = TaskOutcome;

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

const report = (userId: string, requestId: string, outcome: TaskOutcome, taskId = 't') =>
  reportOutcome(h, { requestId, userId, taskId, outcome });

/** A member of whose task `t` two consumes took 20 and 5, and a hold set 30 aside; other tasks have one of each. */
async function memberWithTask(): Promise<string> {
  const { userId } = await registerMember(h);
  await mustSucceed(consume(h, { requestId: 'c1', userId, amount: 20, taskId: 't', taskType: 'image' }));
  await mustSucceed(hold(h, { requestId: 'h1', userId, amount: 30, taskId: 't' }));
  await mustSucceed(consume(h, { requestId: 'c2', userId, amount: 5, taskId: 't' }));
  await mustSucceed(consume(h, { requestId: 'other-c', userId, amount: 7, taskId: 'other' }));
  await mustSucceed(hold(h, { requestId: 'other-h', userId, amount: 8, taskId: 'other' }));
  return userId;
}

/** R3.3: a task settles everything that was taken for it, by how it ended. */
describe('a task that failed', () => {
  test('returns what its consumes took, releases its holds, and leaves other tasks alone', async () => {
    const userId = await memberWithTask();
    const answer = await mustSucceed(report(userId, 'o1', FAILED));
    expect(answer).toMatchObject({ quotaRemaining: 495, replayed: false, chargesSettled: 3 });
    expect(
      answer.logs.map(({ requestId, amount, consumeSequence, taskId }) => [requestId, amount, consumeSequence, taskId]),
    ).toEqual([
      ['settle:3', 20, 3, 't'],
      ['settle:4', 30, 4, 't'],
      ['settle:5', 5, 5, 't'],
    ]);
    expect((await readLogWords(h.db, userId)).slice(-3)).toEqual([
      'system REFUND 20',
      'system RELEASE 30',
      'system REFUND 5',
    ]);
    expect(await readChargeWords(h.db, userId)).toEqual([
      '3 consume settled 20/20',
      '4 hold released 30/30',
      '5 consume settled 5/5',
      '6 consume open 0/7',
      '7 hold open 0/8',
    ]);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 495, quotaHeld: 8 });
    expect(await expectBalanced(h.db, userId)).toBe(495);
  });

  test('names who reported it, and why, in each row', async () => {
    const userId = await memberWithTask();
    await mustSucceed(report(userId, 'o1', FAILED));
    const sql = "SELECT DISTINCT actor, description FROM quota_logs WHERE user_id = ? AND request_id LIKE 'settle:%'";
    expect(await h.db.query(sql, [userId])).toEqual([
      { actor: 'spiffe://billing/ai-task-service/ai-task-service', description: 'task failed' },
    ]);
  });

  test('returns only what was not settled before: a refunded consume and a captured hold are left as they are', async () => {
    const userId = await memberWithTask();
    await mustSucceed(refund(h, { requestId: 'r1', userId, consumeRequestId: 'c1', amount: 4 }));
    await mustSucceed(capture(h, { requestId: 'k1', userId, holdId: 'h1', amount: 10 }));
    expect(await mustSucceed(report(userId, 'o1', FAILED))).toMatchObject({
      chargesSettled: 1,
      logs: [{ amount: 5, consumeSequence: 5 }],
    });
    expect((await readChargeWords(h.db, userId)).slice(0, 3)).toEqual([
      '3 consume settled 4/20',
      '4 hold settled 20/30',
      '5 consume settled 5/5',
    ]);
    await expectBalanced(h.db, userId);
  });
});

describe('a task that succeeded', () => {
  test('captures its holds in full and keeps its consumes', async () => {
    const userId = await memberWithTask();
    const answer = await mustSucceed(report(userId, 'o1', SUCCEEDED));
    expect(answer).toMatchObject({ quotaRemaining: 440, replayed: false, chargesSettled: 3 });
    expect(answer.logs).toMatchObject([{ amount: 0, units: 30, consumeSequence: 4 }]);
    expect((await readChargeWords(h.db, userId)).slice(0, 3)).toEqual([
      '3 consume settled 0/20',
      '4 hold settled 0/30',
      '5 consume settled 0/5',
    ]);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 440, quotaHeld: 8 });
    expect(await expectBalanced(h.db, userId)).toBe(440);
  });

  test('still lets its consumes be refunded by hand', async () => {
    const userId = await memberWithTask();
    await mustSucceed(report(userId, 'o1', SUCCEEDED));
    await mustSucceed(refund(h, { requestId: 'r1', userId, consumeRequestId: 'c1' }));
    await mustSucceed(refund(h, { requestId: 'r2', userId, consumeRequestId: 'h1' }));
    expect(await expectBalanced(h.db, userId)).toBe(490);
  });

  test('of consumes alone moves nothing, writes no row and no event, and is remembered', async () => {
    const userId = await registerUser(h);
    await mustSucceed(consume(h, { requestId: 'c1', userId, amount: 3, taskId: 't' }));
    const { quota_logs: logs, outbox, users } = await readUserRows(h.db, userId);
    expect(await mustSucceed(report(userId, 'o1', SUCCEEDED))).toEqual({
      ...{ logs: [], quotaRemaining: 7, replayed: false, chargesSettled: 1 },
    });
    expect(await readUserRows(h.db, userId)).toMatchObject({ quota_logs: logs, outbox, users });
    expect(await mustSucceed(report(userId, 'o1', SUCCEEDED))).toMatchObject({ replayed: true, chargesSettled: 1 });
  });
});

describe('the first outcome of a task', () => {
  test.each([
    ['FAILED', FAILED, SUCCEEDED],
    ['SUCCEEDED', SUCCEEDED, FAILED],
  ])('stands: after %s the other one succeeds and settles nothing', async (_what, first, second) => {
    const userId = await memberWithTask();
    await mustSucceed(report(userId, 'o1', first));
    const { quota_task_outcomes: _told, ...before } = await readUserRows(h.db, userId);
    const balance = await expectBalanced(h.db, userId);
    expect(await mustSucceed(report(userId, 'o2', second))).toEqual({
      ...{ logs: [], quotaRemaining: balance, replayed: false, chargesSettled: 0 },
    });
    const { quota_task_outcomes: told, ...after } = await readUserRows(h.db, userId);
    expect(after).toEqual(before);
    expect(told).toMatchObject([
      { request_id: 'o1', charges_settled: 3 },
      { request_id: 'o2', charges_settled: 0, first_sequence: null, last_sequence: null },
    ]);
  });

  test('stands among 20 reports of both at once', async () => {
    const userId = await memberWithTask();
    const calls = Array.from({ length: 20 }, (_, i) => report(userId, `o${i}`, i % 2 === 0 ? FAILED : SUCCEEDED));
    const settled = (await Promise.all(calls)).map((reply) => (reply.ok ? reply.response.chargesSettled : -1));
    expect(settled.filter((count) => count === 3)).toHaveLength(1);
    expect(settled.filter((count) => count === 0)).toHaveLength(19);
    await expectBalanced(h.db, userId);
  });

  test('settles once what a capture and a refund want at the same time', async () => {
    const userId = await memberWithTask();
    const [, refunded, captured] = await Promise.all([
      mustSucceed(report(userId, 'o1', FAILED)),
      refund(h, { requestId: 'r1', userId, consumeRequestId: 'c1' }),
      capture(h, { requestId: 'k1', userId, holdId: 'h1', amount: 30 }),
    ]);
    expect(refunded.ok || refunded.reason === 'REFUND_EXCEEDS_CONSUMED').toBe(true);
    expect(captured.ok || captured.reason === 'HOLD_NOT_OPEN').toBe(true);
    const units = 495 - (captured.ok ? 30 : 0);
    expect(await expectBalanced(h.db, userId)).toBe(units);
  });

  test('holds for what was taken before it: a later consume of the task is open again', async () => {
    const userId = await memberWithTask();
    await mustSucceed(report(userId, 'o1', FAILED));
    await mustSucceed(consume(h, { requestId: 'c3', userId, amount: 2, taskId: 't' }));
    expect(await mustSucceed(report(userId, 'o2', FAILED))).toMatchObject({ chargesSettled: 1, logs: [{ amount: 2 }] });
  });
});

/** Lesson 16: the same report again tells the same. */
describe('a report under an id that was used', () => {
  test.each([
    ['FAILED', FAILED],
    ['SUCCEEDED', SUCCEEDED],
  ])('with the same content (%s) returns the same rows and changes nothing', async (_what, outcome) => {
    const userId = await memberWithTask();
    const first = await mustSucceed(report(userId, 'o1', outcome));
    await mustSucceed(consume(h, { requestId: 'later', userId, amount: 1 }));
    const before = await readUserRows(h.db, userId);
    expect(await mustSucceed(report(userId, 'o1', outcome))).toEqual({ ...first, replayed: true });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('with another task or outcome is REQUEST_ID_REUSED and changes nothing', async () => {
    const userId = await memberWithTask();
    await mustSucceed(report(userId, 'o1', FAILED));
    const before = await readUserRows(h.db, userId);
    const reused = { code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED', metadata: { request_id: 'o1' } };
    expect(await report(userId, 'o1', SUCCEEDED)).toMatchObject(reused);
    expect(await report(userId, 'o1', FAILED, 'other')).toMatchObject(reused);
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('by another kind of command is REQUEST_ID_REUSED, in both directions', async () => {
    const userId = await memberWithTask();
    await mustSucceed(report(userId, 'o1', FAILED));
    const before = await readUserRows(h.db, userId);
    const reused = { code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' };
    for (const requestId of ['c1', 'h1']) expect(await report(userId, requestId, FAILED)).toMatchObject(reused);
    expect(await consume(h, { requestId: 'o1', userId })).toMatchObject(reused);
    expect(await hold(h, { requestId: 'o1', userId })).toMatchObject(reused);
    expect(await refund(h, { requestId: 'o1', userId, consumeRequestId: 'c1' })).toMatchObject(reused);
    expect(await capture(h, { requestId: 'o1', userId, holdId: 'other-h' })).toMatchObject(reused);
    expect(await release(h, { requestId: 'o1', userId, holdId: 'other-h' })).toMatchObject(reused);
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});

describe('a report that is refused', () => {
  test('because nothing was ever taken for the task is CONSUME_NOT_FOUND and is judged afresh', async () => {
    const userId = await memberWithTask();
    const stranger = await registerUser(h);
    const before = [await readUserRows(h.db, userId), await countAllRows(h.db)];
    const missing = { code: 'NOT_FOUND', reason: 'CONSUME_NOT_FOUND' };
    expect(await report(userId, 'o1', FAILED, 'none')).toMatchObject({ ...missing, metadata: { task_id: 'none' } });
    expect(await report(stranger, 'o1', FAILED)).toMatchObject(missing);
    expect(await report(newId('nobody'), 'o1', FAILED)).toMatchObject({ reason: 'USER_NOT_FOUND' });
    expect([await readUserRows(h.db, userId), await countAllRows(h.db)]).toEqual(before);
    await mustSucceed(consume(h, { requestId: 'c9', userId, taskId: 'none' }));
    expect(await mustSucceed(report(userId, 'o1', FAILED, 'none'))).toMatchObject({ chargesSettled: 1 });
  });

  test('because it says no outcome names the field', async () => {
    const userId = await memberWithTask();
    const before = await readUserRows(h.db, userId);
    expect(await report(userId, 'o1', TaskOutcome.UNSPECIFIED)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: ['outcome'],
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});
