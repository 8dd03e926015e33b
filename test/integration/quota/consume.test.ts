import { verifyChain } from '../../../src/quota/log-chain';
import { toPosting, type QuotaLogRow } from '../../../src/quota/quota-log.model';
import { TaskOutcome } from '../../../src/gen/billing/v1/quota_service.pb';
import { call, mustSucceed } from '../../support/clients';
import { consume, newId, registerMember, registerUser, startHarness, type Harness } from '../../support/harness';
import { reportOutcome } from '../../support/quota-calls';
import { countAllRows, expectBalanced, readLogRows, readUserRows } from '../../support/user-rows';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

const getQuota = (userId: string) => {
  const { quota } = h.as('ai-task-service');
  return mustSucceed(call(quota.getQuota.bind(quota), { userId }));
};

/** R1.2, R3.1: what a consume that succeeds does, all of it. */
describe('a consume that succeeds', () => {
  test('takes the soonest-expiring lot first and leaves one complete row', async () => {
    const { userId, orderId } = await registerMember(h);
    const fields = { taskId: 'task-7', taskType: 'image.generate', description: '生成 "白底图" 👕' };
    const { log, quotaRemaining, replayed } = await mustSucceed(
      consume(h, { requestId: 'c1', userId, amount: 12, ...fields }),
    );
    const view = await getQuota(userId);
    const [soonest, latest] = (await h.db.query(
      'SELECT grant_id, source, remaining FROM quota_grants WHERE user_id = ? ORDER BY expire_time',
      [userId],
    )) as { grant_id: number; source: string; remaining: number }[];
    expect([soonest?.remaining, latest?.remaining, quotaRemaining, replayed]).toEqual([0, 498, 498, false]);
    expect(view).toMatchObject({ quotaRemaining: 498, quotaHeld: 0 });
    expect(view.grants.map((grant) => grant.remaining)).toEqual([498]);

    const rows = await readLogRows(h.db, userId);
    const row = rows.at(-1);
    expect(row).toMatchObject({
      user_id: userId,
      sequence: 3,
      origin: 'caller',
      request_id: 'c1',
      type: 'CONSUME',
      amount: -12,
      units: 12,
      quota_remaining: 498,
      lots: JSON.stringify([
        [soonest?.grant_id, -10],
        [latest?.grant_id, -2],
      ]),
      consume_sequence: null,
      task_id: 'task-7',
      task_type: 'image.generate',
      description: fields.description,
      actor: 'spiffe://billing/ai-task-service/ai-task-service',
      hash_version: 1,
    });
    const hash = (row?.['hash'] as Buffer).toString('hex');
    expect(log).toMatchObject({ ...fields, userId, sequence: 3, requestId: 'c1', amount: -12, units: 12, hash });
    expect(log?.createTime).toEqual(row?.['create_time']);
    expect(orderId).not.toBe('');
    expect(await expectBalanced(h.db, userId)).toBe(498);
  });

  test('makes a chain of rows that verifies from the database alone', async () => {
    const userId = await registerUser(h);
    for (const requestId of ['a', 'b', 'c']) await mustSucceed(consume(h, { requestId, userId, amount: 2 }));
    const rows = await h.db.query(
      `SELECT user_id AS userId, sequence, origin, request_id AS requestId, request_hash AS requestHash, type, amount,
         units, quota_remaining AS quotaRemaining, lots, consume_sequence AS consumeSequence, task_id AS taskId,
         task_type AS taskType, description, actor, create_time AS createTime, hash_version AS hashVersion, hash
       FROM quota_logs WHERE user_id = ? ORDER BY sequence`,
      [userId],
    );
    const [user] = await h.db.query('SELECT log_hash FROM users WHERE id = ?', [userId]);
    const end = verifyChain(rows.map((row) => toPosting(row as unknown as QuotaLogRow)));
    expect(end).toEqual({ sequence: 4, hash: user?.['log_hash'], balance: 4 });
  });

  /** Ids go through SQL text and JSON inside it: whatever an id may hold must come out as it went in. */
  test('under ids of quotes, backslashes and wildcards is found again, and by no other id', async () => {
    const odd = String.raw`"a\"b\n'c''%_?:x:;--\u0041/*`;
    const { userId } = await registerMember(h);
    const fields = { userId, requestId: odd, taskId: odd, taskType: odd };
    const first = await mustSucceed(consume(h, { ...fields, amount: 2 }));
    expect(await mustSucceed(consume(h, { ...fields, amount: 2 }))).toEqual({ ...first, replayed: true });
    await mustSucceed(reportOutcome(h, { userId, requestId: odd + '2', taskId: odd, outcome: TaskOutcome.FAILED }));
    const rows = await readLogRows(h.db, userId);
    expect(rows.slice(-2).map((row) => [row['request_id'], row['task_id'], row['task_type'], row['type']])).toEqual([
      [odd, odd, odd, 'CONSUME'],
      ['settle:3', odd, odd, 'REFUND'],
    ]);
    expect(await expectBalanced(h.db, userId)).toBe(510);
  });

  test('takes the very last unit, and the one after it is refused', async () => {
    const userId = await registerUser(h);
    expect((await consume(h, { requestId: 'all', userId, amount: 10 })).ok).toBe(true);
    const before = await readUserRows(h.db, userId);
    expect(await consume(h, { requestId: 'more', userId, amount: 1 })).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'QUOTA_INSUFFICIENT',
      metadata: { amount: '1', quota_remaining: '0' },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});

/** Contract, lessons 1, 3, 5, 6: each refusal has its own status and reason, and changes nothing. */
describe('a consume that is refused', () => {
  test('for more than there is takes nothing; the same id succeeds once there is enough (lesson 5)', async () => {
    const userId = await registerUser(h);
    const before = await readUserRows(h.db, userId);
    const asked = { requestId: 'big', userId, amount: 11 };
    expect(await consume(h, asked)).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'QUOTA_INSUFFICIENT' });
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect((await consume(h, { ...asked, amount: 10 })).ok).toBe(true);
  });

  test('of an unknown user is NOT_FOUND and makes no user', async () => {
    const userId = newId('nobody');
    const before = await countAllRows(h.db);
    expect(await consume(h, { requestId: 'c', userId })).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'USER_NOT_FOUND',
      metadata: { user_id: userId },
    });
    expect(await countAllRows(h.db)).toEqual(before);
  });

  test.each([
    ['another amount', { amount: 2 }],
    ['another task', { taskId: 'task-8' }],
    ['another kind of task', { taskType: 'image.matting' }],
    ['another description', { description: 'other' }],
  ])('with a used id and %s is ALREADY_EXISTS (lesson 6)', async (_what, other) => {
    const userId = await registerUser(h);
    const first = { requestId: 'c', userId, amount: 1, taskId: 'task-7' };
    await mustSucceed(consume(h, first));
    const before = await readUserRows(h.db, userId);
    expect(await consume(h, { ...first, ...other })).toMatchObject({
      code: 'ALREADY_EXISTS',
      reason: 'REQUEST_ID_REUSED',
      metadata: { request_id: 'c' },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('with an id that another user used is no repeat: ids belong to users', async () => {
    const [one, two] = [await registerUser(h), await registerUser(h)];
    await mustSucceed(consume(h, { requestId: 'shared', userId: one, amount: 3 }));
    const reply = await mustSucceed(consume(h, { requestId: 'shared', userId: two, amount: 4 }));
    expect([reply.replayed, reply.quotaRemaining]).toEqual([false, 6]);
  });
});

/** R3.4: the same id again returns the first effect. */
describe('a consume that is repeated', () => {
  test('returns its row again, also when the quota has gone since', async () => {
    const userId = await registerUser(h);
    const asked = { requestId: 'c', userId, amount: 4 };
    const first = await mustSucceed(consume(h, asked));
    await mustSucceed(consume(h, { requestId: 'rest', userId, amount: 6 }));
    const before = await readUserRows(h.db, userId);
    const again = await mustSucceed(consume(h, asked));
    expect(again).toEqual({ ...first, replayed: true });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('50 times at once takes its units once', async () => {
    const userId = await registerUser(h);
    const replies = await Promise.all(
      Array.from({ length: 50 }, () => mustSucceed(consume(h, { requestId: 'c', userId, amount: 4 }))),
    );
    expect(replies.filter((reply) => !reply.replayed)).toHaveLength(1);
    expect(new Set(replies.map((reply) => reply.log?.hash)).size).toBe(1);
    expect(await expectBalanced(h.db, userId)).toBe(6);
  });
});
