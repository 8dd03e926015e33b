import type { Redis } from 'ioredis';
import { createLogger } from '../../../src/platform/log';
import { openRedis } from '../../../src/platform/redis';
import { createUserLocks } from '../../../src/quota';
import type { UserLockResult } from '../../../src/quota/user-locks';
import { newId, until } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { startTcpProxy } from '../../support/tcp-proxy';

const SILENT = createLogger({ level: 'fatal', role: 'all', destination: { write: () => undefined } });
const lockOf = (userId: string): string => `billing:lock:user:${userId}`;

/** Locks as one replica has them, with what it counted. */
function replica(redis: Redis) {
  const counts: Record<UserLockResult, number> = { acquired: 0, busy: 0, unavailable: 0 };
  const locks = createUserLocks(redis, (result, users) => (counts[result] += users));
  return { locks, counts };
}

/** R3.6: the second layer saves work and decides nothing. */
describe('advisory locks of users', () => {
  const url = readInfra().redisUrl;
  /** For looking at what is there. */
  let redis: Redis;
  const opened: Redis[] = [];
  const open = async (): Promise<Redis> => {
    const connection = openRedis(url, 1_000, SILENT);
    opened.push(connection);
    await until('Redis is connected', async () => connection.status === 'ready');
    return connection;
  };
  beforeAll(async () => {
    redis = await open();
  });
  afterAll(() => {
    for (const connection of opened) connection.disconnect();
  });

  test('are all taken in one round trip, for two seconds, and given back', async () => {
    const { locks, counts } = replica(redis);
    const ids = [newId('u'), newId('u'), newId('u')];
    const held = await locks.acquire(ids);
    expect([...held.busy]).toEqual([]);
    for (const id of ids) {
      const ttlMs = await redis.pttl(lockOf(id));
      expect(ttlMs).toBeGreaterThan(1_000);
      expect(ttlMs).toBeLessThanOrEqual(2_000);
    }
    held.release();
    await until('the locks are gone', async () => (await redis.exists(...ids.map(lockOf))) === 0);
    expect(counts).toEqual({ acquired: 3, busy: 0, unavailable: 0 });
  });

  test('of a user whom another replica works on are busy, and of nobody else', async () => {
    const [busy, free] = [newId('u'), newId('u')];
    const first = await replica(redis).locks.acquire([busy]);
    const other = replica(await open());
    const held = await other.locks.acquire([free, busy]);
    expect([...held.busy]).toEqual([busy]);
    expect(await redis.exists(lockOf(free))).toBe(1);
    held.release();
    await until('what was taken is given back', async () => (await redis.exists(lockOf(free))) === 0);
    expect(await redis.exists(lockOf(busy))).toBe(1);
    first.release();
    await until('the first gave back too', async () => (await redis.exists(lockOf(busy))) === 0);
    expect([...(await other.locks.acquire([busy])).busy]).toEqual([]);
    expect(other.counts).toEqual({ acquired: 2, busy: 0, unavailable: 0 });
  });

  test('are waited for 20 ms, then taken over, counted, and not given back by the one who had them', async () => {
    const userId = newId('u');
    const dead = await replica(redis).locks.acquire([userId]);
    const { locks, counts } = replica(await open());
    const startedMs = performance.now();
    let waitedMs = 0;
    for (;;) {
      waitedMs = performance.now() - startedMs;
      const { busy } = await locks.acquire([userId]);
      if (busy.size === 0) break;
      expect(waitedMs).toBeLessThan(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(waitedMs).toBeGreaterThanOrEqual(20);
    expect(counts).toEqual({ acquired: 0, busy: 1, unavailable: 0 });
    const token = await redis.get(lockOf(userId));
    dead.release();
    // On the same connection, so it comes after the release.
    expect(await redis.get(lockOf(userId))).toBe(token);
  });

  test('that are still held when the user comes again much later are waited for anew', async () => {
    const [userId, other] = [newId('u'), newId('u')];
    await replica(redis).locks.acquire([userId]);
    const { locks, counts } = replica(await open());
    expect((await locks.acquire([userId])).busy.size).toBe(1);
    // Nobody asks for him for a second: his wait is forgotten.
    (await locks.acquire([other])).release();
    await until('more than a second is over', async () => (await redis.pttl(lockOf(userId))) < 950);
    expect((await locks.acquire([userId])).busy.size).toBe(1);
    expect(counts.busy).toBe(0);
  });

  test('while Redis is away: nobody is busy, nothing waits, and Redis is left alone for a while', async () => {
    const proxy = await startTcpProxy(Number(new URL(url).port));
    const address = new URL(url);
    address.port = String(proxy.port);
    const away = openRedis(address.href, 200, SILENT);
    opened.push(away);
    await until('Redis is connected', async () => away.status === 'ready');
    const { locks, counts } = replica(away);
    proxy.blackHole();
    expect((await locks.acquire([newId('u'), newId('u')])).busy.size).toBe(0);
    expect(counts).toEqual({ acquired: 0, busy: 0, unavailable: 2 });
    const startedMs = performance.now();
    for (let i = 0; i < 50; i += 1) (await locks.acquire([newId('u')])).release();
    expect(performance.now() - startedMs).toBeLessThan(200);
    expect(counts.unavailable).toBe(52);
    away.disconnect();
    await proxy.close();
  });

  test('on a connection that was never made: at once too', async () => {
    const never = openRedis('redis://127.0.0.1:1', 1_000, SILENT);
    opened.push(never);
    const { locks, counts } = replica(never);
    const startedMs = performance.now();
    const held = await locks.acquire([newId('u')]);
    held.release();
    expect(held.busy.size).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(500);
    expect(counts.unavailable).toBe(1);
  });
});
