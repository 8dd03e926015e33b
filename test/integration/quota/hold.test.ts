import { HoldStatus } from '../../../src/gen/billing/v1/quota_service.pb';
import { mustSucceed } from '../../support/clients';
import { consume, newId, registerMember, registerUser, startHarness, type Harness } from '../../support/harness';
import { capture, getQuota, hold, release } from '../../support/quota-calls';
import { expectBalanced, readChargeWords, readLogRows, readUserRows } from '../../support/user-rows';

const HOUR_MS = 3_600_000;

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

/** R3.3, design §3: a hold moves named units of named lots from remaining to held, and nothing else. */
describe('a hold that succeeds', () => {
  test('sets units of several lots aside in burn order and leaves one complete row and one open charge', async () => {
    const { userId } = await registerMember(h);
    const words = { taskId: 'task-7', taskType: 'image.generate', description: '生成白底图' };
    const {
      hold: made,
      log,
      quotaRemaining,
      replayed,
    } = await mustSucceed(hold(h, { requestId: 'h1', userId, amount: 12, ...words }));
    expect([quotaRemaining, replayed]).toEqual([498, false]);
    expect(made).toMatchObject({ holdId: 'h1', userId, amount: 12, status: HoldStatus.OPEN });
    expect(made).toMatchObject({ taskId: 'task-7', taskType: 'image.generate', createTime: log?.createTime });
    expect((made?.expireTime?.getTime() ?? 0) - (made?.createTime?.getTime() ?? 0)).toBe(2 * HOUR_MS);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 498, quotaHeld: 12 });

    const lots = await h.db.query('SELECT remaining, held FROM quota_grants WHERE user_id = ? ORDER BY grant_id', [
      userId,
    ]);
    expect(lots).toEqual([
      { remaining: 0, held: 10 },
      { remaining: 498, held: 2 },
    ]);
    expect((await readLogRows(h.db, userId)).at(-1)).toMatchObject({
      ...{ sequence: 3, origin: 'caller', request_id: 'h1', type: 'HOLD', amount: -12, units: 12 },
      ...{ quota_remaining: 498, lots: '[[1,-10],[2,-2]]', consume_sequence: null, task_id: 'task-7' },
      ...{ task_type: 'image.generate', description: '生成白底图' },
      actor: 'spiffe://billing/ai-task-service/ai-task-service',
    });
    const [charge] = await h.db.query('SELECT * FROM quota_charges WHERE user_id = ?', [userId]);
    expect(charge).toMatchObject({ kind: 'hold', units: 12, returned: 0, state: 'open', grace_days: 7 });
    expect([charge?.['settle_deadline'], charge?.['due_time']]).toEqual([made?.expireTime, made?.expireTime]);
    expect(await expectBalanced(h.db, userId)).toBe(498);
  });

  test('is asked about after the ttl that it names, also without a task', async () => {
    const userId = await registerUser(h);
    const { hold: made } = await mustSucceed(
      hold(h, { requestId: 'h1', userId, ttl: { seconds: 90, nanos: 500_000_000 } }),
    );
    expect((made?.expireTime?.getTime() ?? 0) - (made?.createTime?.getTime() ?? 0)).toBe(90_500);
  });

  test('is never spent by a consume, and a consume never by a hold', async () => {
    const userId = await registerUser(h);
    await mustSucceed(hold(h, { requestId: 'h1', userId, amount: 7 }));
    await mustSucceed(consume(h, { requestId: 'c1', userId, amount: 2 }));
    const before = await readUserRows(h.db, userId);
    const refusal = { code: 'FAILED_PRECONDITION', reason: 'QUOTA_INSUFFICIENT' };
    const metadata = { amount: '2', quota_remaining: '1' };
    expect(await consume(h, { requestId: 'c2', userId, amount: 2 })).toMatchObject({ ...refusal, metadata });
    expect(await hold(h, { requestId: 'h2', userId, amount: 2 })).toMatchObject({ ...refusal, metadata });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});

describe('a hold under an id that was used', () => {
  test('with the same content returns the first row and the hold as it is now, and changes nothing', async () => {
    const userId = await registerUser(h);
    const fields = { requestId: 'h1', userId, amount: 4, taskId: 't' };
    const first = await mustSucceed(hold(h, fields));
    expect(await mustSucceed(hold(h, fields))).toEqual({ ...first, replayed: true });
    await mustSucceed(capture(h, { requestId: 'k1', userId, holdId: 'h1', amount: 3 }));
    const before = await readUserRows(h.db, userId);
    const again = await mustSucceed(hold(h, fields));
    expect(again).toEqual({ ...first, hold: { ...first.hold, status: HoldStatus.CAPTURED }, replayed: true });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test.each([
    ['amount', { amount: 3 }],
    ['task', { taskId: 'other' }],
    ['kind of task', { taskType: 'other' }],
    ['ttl', { ttl: { seconds: 60, nanos: 0 } }],
    ['description', { description: 'other' }],
  ])('with another %s is REQUEST_ID_REUSED and changes nothing', async (_what, change) => {
    const userId = await registerUser(h);
    const fields = { requestId: 'h1', userId, amount: 4, taskId: 't' };
    await mustSucceed(hold(h, fields));
    const before = await readUserRows(h.db, userId);
    expect(await hold(h, { ...fields, ...change })).toMatchObject({
      code: 'ALREADY_EXISTS',
      reason: 'REQUEST_ID_REUSED',
      metadata: { request_id: 'h1' },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('by another kind of command is REQUEST_ID_REUSED, in both directions', async () => {
    const userId = await registerUser(h);
    await mustSucceed(hold(h, { requestId: 'h1', userId, amount: 2 }));
    await mustSucceed(consume(h, { requestId: 'c1', userId, amount: 2 }));
    const before = await readUserRows(h.db, userId);
    const reused = { code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' };
    expect(await consume(h, { requestId: 'h1', userId, amount: 2 })).toMatchObject(reused);
    expect(await hold(h, { requestId: 'c1', userId, amount: 2 })).toMatchObject(reused);
    expect(await capture(h, { requestId: 'h1', userId, holdId: 'h1', amount: 2 })).toMatchObject(reused);
    expect(await release(h, { requestId: 'c1', userId, holdId: 'h1' })).toMatchObject(reused);
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});

describe('a hold that is refused', () => {
  test('takes nothing, leaves no row, and its id is judged afresh (lessons 1, 5)', async () => {
    const userId = await registerUser(h);
    await mustSucceed(hold(h, { requestId: 'h1', userId, amount: 6 }));
    const before = await readUserRows(h.db, userId);
    expect(await hold(h, { requestId: 'h2', userId, amount: 5 })).toMatchObject({ reason: 'QUOTA_INSUFFICIENT' });
    expect(await readUserRows(h.db, userId)).toEqual(before);
    await mustSucceed(release(h, { requestId: 'k1', userId, holdId: 'h1' }));
    expect(await mustSucceed(hold(h, { requestId: 'h2', userId, amount: 5 }))).toMatchObject({ replayed: false });
  });

  test('for an unknown user is USER_NOT_FOUND', async () => {
    expect(await hold(h, { requestId: 'h1', userId: newId('nobody') })).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'USER_NOT_FOUND',
    });
  });
});

test('50 concurrent holds of 3 on 10 units set three aside, and every unit has one place (lesson 21)', async () => {
  const userId = await registerUser(h);
  const ids = Array.from({ length: 50 }, (_, i) => `h${i}`);
  const replies = await Promise.all(ids.map((requestId) => hold(h, { requestId, userId, amount: 3 })));
  expect(replies.filter((reply) => reply.ok)).toHaveLength(3);
  expect(new Set(replies.flatMap((reply) => (reply.ok ? [] : [reply.reason])))).toEqual(
    new Set(['QUOTA_INSUFFICIENT']),
  );
  expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 1, quotaHeld: 9 });
  expect(await readChargeWords(h.db, userId)).toEqual(['2 hold open 0/3', '3 hold open 0/3', '4 hold open 0/3']);
  expect(await expectBalanced(h.db, userId)).toBe(1);
});
