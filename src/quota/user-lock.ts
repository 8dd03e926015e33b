import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { monotonicMs } from '../platform/clock';

/** How a call fared with the second layer. */
export type UserLockResult = 'acquired' | 'busy' | 'unavailable';

/**
 * The second layer (R3.6): an advisory lock per user in Redis, so that replicas do not pile up on one row lock. It only
 * saves work. A busy user is waited for briefly, Redis away or slow is not waited for at all: the row lock decides.
 */
export interface UserLock {
  /** Runs work for a user, holding the advisory lock if it could be had. */
  around<Result>(userId: string, work: () => Promise<Result>): Promise<Result>;
}

/** A holder that died is forgotten after this. */
const TTL_MS = 2_000;
/** How long a busy user is waited for before the row lock decides alone. */
const WAIT_MAX_MS = 20;
const WAIT_STEP_MS = 4;
/** After a failure Redis is left alone for this long, so that a Redis that hangs does not slow every call. */
const REST_MS = 1_000;

/**
 * Output 1: released; 0: the lock was not ours any more.
 * KEYS[1] the lock · ARGV[1] the holder's token.
 */
const RELEASE_SCRIPT = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

async function waitFor(redis: Redis, key: string, token: string): Promise<UserLockResult> {
  const startedAtMs = monotonicMs();
  while ((await redis.set(key, token, 'PX', TTL_MS, 'NX')) === null) {
    if (monotonicMs() - startedAtMs >= WAIT_MAX_MS) return 'busy';
    await pause(WAIT_STEP_MS);
  }
  return 'acquired';
}

/** Makes the lock. `count` gets every result. */
export function createUserLock(redis: Redis, count: (result: UserLockResult) => void): UserLock {
  let restUntilMs = 0;
  const acquire = async (key: string, token: string): Promise<UserLockResult> => {
    if (monotonicMs() < restUntilMs) return 'unavailable';
    try {
      return await waitFor(redis, key, token);
    } catch {
      restUntilMs = monotonicMs() + REST_MS;
      return 'unavailable';
    }
  };
  return {
    around: async (userId, work) => {
      const key = `billing:lock:user:${userId}`;
      const token = randomUUID();
      const result = await acquire(key, token);
      count(result);
      try {
        return await work();
      } finally {
        // Not waited for: the lock only saves work, and its TTL ends it if this is lost.
        if (result === 'acquired') void redis.eval(RELEASE_SCRIPT, 1, key, token).catch(() => undefined);
      }
    },
  };
}
