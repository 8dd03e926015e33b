import { RegisterUserRequest } from '../../../src/gen/billing/v1/membership_service.pb';
import { call, mustSucceed } from '../../support/clients';
import { consume, newId, startHarness, type Harness } from '../../support/harness';
import { expectBalanced, readUserRows } from '../../support/user-rows';

let h: Harness;
beforeAll(async () => {
  // A busy machine must not turn waiting for a connection into a refusal.
  h = await startHarness({ DATABASE_ACQUIRE_TIMEOUT_MS: '20000' });
});
afterAll(() => h.stop());

const register = (requestId: string, userId: string) => {
  const { membership } = h.as('order-service');
  return call(membership.registerUser.bind(membership), RegisterUserRequest.fromPartial({ requestId, userId }));
};

/** R1.1: the registration grant is given once per user ever. */
describe('RegisterUser', () => {
  test('makes the user, the grant of 10 units for 30 days, the audit row, the event and the key at once', async () => {
    const userId = newId('u');
    const reply = await mustSucceed(register('first', userId));
    expect(reply).toMatchObject({ quotaRemaining: 10, registrationGranted: true, replayed: false });
    const rows = await readUserRows(h.db, userId);
    const counts = Object.fromEntries(Object.entries(rows).map(([table, list]) => [table, list.length]));
    expect(counts).toEqual({
      users: 1,
      orders: 0,
      payments: 0,
      refunds: 0,
      quota_grants: 1,
      quota_logs: 1,
      quota_charges: 0,
      quota_task_outcomes: 0,
      settlement_cases: 0,
      membership_periods: 0,
      membership_notices: 0,
      order_credits: 0,
      user_coupons: 0,
      user_identities: 0,
      granted_identities: 0,
      request_keys: 1,
      audit_logs: 1,
      outbox: 2,
    });
    const [grant] = rows['quota_grants'] ?? [];
    const lifeMs = (grant?.['expire_time'] as Date).getTime() - (grant?.['create_time'] as Date).getTime();
    expect(grant).toMatchObject({ source: 'registration', amount: 10, remaining: 10, order_id: null });
    expect(lifeMs).toBe(30 * 86_400_000);
    expect(rows['audit_logs']?.[0]).toMatchObject({
      action: 'RegisterUser',
      actor: 'spiffe://billing/order-service/order-service',
      cause: 'first',
    });
  });

  test('with the same id again returns the first answer, whatever happened since (lesson 8)', async () => {
    const userId = newId('u');
    const first = await mustSucceed(register('same', userId));
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 3 }));
    const before = await readUserRows(h.db, userId);
    expect(await mustSucceed(register('same', userId))).toEqual({ ...first, replayed: true });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('of a known user with another id succeeds and grants nothing', async () => {
    const userId = newId('u');
    const first = await mustSucceed(register('one', userId));
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 3 }));
    const before = await readUserRows(h.db, userId);
    const second = await mustSucceed(register('two', userId));
    expect(second).toMatchObject({ quotaRemaining: 7, registrationGranted: false, replayed: false });
    expect(second.user).toEqual(first.user);
    const after = await readUserRows(h.db, userId);
    expect(after).toEqual({ ...before, request_keys: after['request_keys'] });
    expect(await mustSucceed(register('two', userId))).toEqual({ ...second, replayed: true });
  });

  test('100 times at once with different ids makes one user with one grant (lesson 54)', async () => {
    const userId = newId('u');
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, i) => mustSucceed(register(`register-${i}`, userId))),
    );
    expect(replies.filter((reply) => reply.registrationGranted)).toHaveLength(1);
    expect(new Set(replies.map((reply) => reply.user?.createTime?.getTime())).size).toBe(1);
    expect(await expectBalanced(h.db, userId)).toBe(10);
    const rows = await readUserRows(h.db, userId);
    expect([rows['quota_grants'], rows['audit_logs'], rows['request_keys']].map((list) => list?.length)).toEqual([
      1, 1, 100,
    ]);
  });

  test('50 times at once with the same id answers all alike, one of them not replayed', async () => {
    const userId = newId('u');
    const replies = await Promise.all(Array.from({ length: 50 }, () => mustSucceed(register('same', userId))));
    expect(replies.filter((reply) => !reply.replayed)).toHaveLength(1);
    expect(replies.every((reply) => reply.registrationGranted && reply.quotaRemaining === 10)).toBe(true);
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('of many new users at once deadlocks nobody (lesson 54)', async () => {
    const userIds = Array.from({ length: 60 }, () => newId('u'));
    const replies = await Promise.all(userIds.map((userId) => register('first', userId)));
    expect(replies.every((reply) => reply.ok)).toBe(true);
  });

  test('shares no request ids with the other services (contract)', async () => {
    const userId = newId('u');
    await mustSucceed(register('shared', userId));
    const taken = await mustSucceed(consume(h, { requestId: 'shared', userId, amount: 2 }));
    expect([taken.replayed, taken.quotaRemaining]).toEqual([false, 8]);
    expect((await mustSucceed(register('shared', userId))).replayed).toBe(true);
  });
});
