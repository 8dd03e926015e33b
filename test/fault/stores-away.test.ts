import { call, mustSucceed } from '../support/clients';
import { consume, newId, registerUser, startHarness, until, type Harness } from '../support/harness';
import { readInfra } from '../support/infra';
import { metric } from '../support/observe';
import { proxied } from '../support/proxied';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';

const getQuota = (h: Harness, userId: string, timeoutMs: number) => {
  const { quota } = h.as('ai-task-service');
  return call(quota.getQuota.bind(quota), { userId }, timeoutMs);
};

/** R3.6, lesson 13: Redis holds nothing that counts; no call fails, waits or errs without it. */
describe('Redis is away during consumption', () => {
  let h: Harness;
  let proxy: TcpProxy;
  beforeAll(async () => {
    proxy = await startTcpProxy(Number(new URL(readInfra().redisUrl).port));
    h = await startHarness(proxied.redis(proxy));
  });
  afterAll(async () => {
    await proxy.restore();
    await h.stop();
    await proxy.close();
  });

  const consumeTen = async (userId: string): Promise<void> => {
    const startedAtMs = performance.now();
    const replies = await Promise.all(Array.from({ length: 10 }, () => consume(h, { userId, requestId: newId('c') })));
    expect(replies.map((reply) => (reply.ok ? 'ok' : reply.reason))).toEqual(Array(10).fill('ok'));
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    expect(await h.db.query('SELECT quota_remaining FROM users WHERE id = ?', [userId])).toEqual([
      { quota_remaining: 0 },
    ]);
  };
  const locks = (result: string): Promise<number> => metric(h, 'billing_redis_lock_total', { result });

  test('there: the advisory lock is taken', async () => {
    await until('Redis is connected', async () => {
      await consume(h, { userId: await registerUser(h), requestId: newId('c') });
      return (await locks('acquired')) > 0;
    });
  });

  test('black-holed: every call succeeds and none stalls', async () => {
    const userId = await registerUser(h);
    const before = await locks('unavailable');
    proxy.blackHole();
    await consumeTen(userId);
    expect(await locks('unavailable')).toBeGreaterThan(before);
  });

  test('refusing: every call succeeds and none stalls', async () => {
    const userId = await registerUser(h);
    await proxy.refuse();
    await consumeTen(userId);
  });

  test('back again: the lock is taken again', async () => {
    await proxy.restore();
    const before = await locks('acquired');
    await until('the lock is taken', async () => {
      await consume(h, { userId: await registerUser(h), requestId: newId('c') });
      return (await locks('acquired')) > before;
    });
  });
});

/** A database that no longer answers is told from one that refuses, and neither keeps the service down afterwards. */
describe('the database falls silent', () => {
  let h: Harness;
  let proxy: TcpProxy;
  beforeAll(async () => {
    proxy = await startTcpProxy(readInfra().port);
    h = await startHarness({
      ...proxied.database(proxy),
      DATABASE_CONNECT_TIMEOUT_MS: '1000',
      DATABASE_ACQUIRE_TIMEOUT_MS: '1000',
      STATEMENT_TIMEOUT_MS: '1000',
      TRANSACTION_TIMEOUT_MS: '1500',
      TRANSACTION_ATTEMPTS: '2',
    });
  });
  afterAll(async () => {
    await proxy.restore();
    await h.stop();
    await proxy.close();
  });

  test('calls are answered by their deadline with a retryable status, and the service recovers by itself', async () => {
    const userId = await registerUser(h);
    const ids = Array.from({ length: 8 }, () => newId('c'));
    // Fills the pool, so that calls hang on connections that were alive.
    await Promise.all(Array.from({ length: 32 }, () => getQuota(h, userId, 10_000)));
    proxy.blackHole();
    const replies = await Promise.all([
      ...ids.map((requestId) => consume(h, { userId, requestId })),
      ...Array.from({ length: 32 }, () => getQuota(h, userId, 2_500)),
    ]);
    const codes = replies.map((reply) => (reply.ok ? 'OK' : reply.code));
    for (const code of codes) expect(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED']).toContain(code);

    // The old connections stay dead for good; only new ones work.
    await proxy.restore();
    await until('reads work again', async () => (await getQuota(h, userId, 2_500)).ok);
    for (const requestId of ids) {
      const { replayed } = await mustSucceed(consume(h, { userId, requestId }));
      expect(replayed).toBe(false);
    }
    expect((await mustSucceed(getQuota(h, userId, 5_000))).quotaRemaining).toBe(2);
  });
});

/** A transaction that has overstayed is over, whatever its connection still does: the lane of all others waits for it. */
describe('the database hangs for longer than a transaction may take, and then its connections break', () => {
  let h: Harness;
  let proxy: TcpProxy;
  beforeAll(async () => {
    proxy = await startTcpProxy(readInfra().port);
    // The statement would be waited for much longer than the transaction.
    const limits = { TRANSACTION_TIMEOUT_MS: '500', STATEMENT_TIMEOUT_MS: '30000' };
    h = await startHarness({ ...proxied.database(proxy), ...limits });
  });
  afterAll(async () => {
    await proxy.restore();
    await h.stop();
    await proxy.close();
  });

  test('what hung is UNAVAILABLE, and the next call is served', async () => {
    const userId = await registerUser(h);
    await mustSucceed(consume(h, { userId, requestId: 'before' }));
    const ended = () => metric(h, 'billing_transactions_total', { name: 'QuotaBatch', outcome: 'failed' });
    const endedBefore = await ended();
    proxy.blackHole();
    const hanging = consume(h, { userId, requestId: 'hanging' });
    await until('the transaction is given up', async () => (await ended()) > endedBefore);
    expect(await hanging).toMatchObject({ code: 'UNAVAILABLE', reason: 'DATABASE_UNAVAILABLE' });
    await proxy.refuse();
    await proxy.restore();
    expect(await mustSucceed(consume(h, { userId, requestId: 'hanging' }))).toMatchObject({
      replayed: false,
      quotaRemaining: 8,
    });
  });
});
