import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { monotonicMs } from '../platform/clock';

/** How one user of a batch fared with the second layer. */
export type UserLockResult = 'acquired' | 'busy' | 'unavailable';

/** The advisory locks of one batch. */
export interface HeldLocks {
  /** Users that another replica works on right now: their commands wait their turn. */
  readonly busy: ReadonlySet<string>;
  /** Gives the locks back. Not waited for: they only save work, and end by themselves if this is lost. */
  release(): void;
}

/**
 * The second layer (R3.6): advisory locks in Redis, all users of a batch in one round trip, so that replicas do not pile
 * up on row locks. They save work and decide nothing. A busy user is waited for briefly; then the row lock decides alone,
 * and the lock is taken over, so that nobody waits a second time for a holder that died. Redis away or slow is not waited
 * for at all.
 */
export interface UserLocks {
  acquire(userIds: readonly string[]): Promise<HeldLocks>;
}

/** A holder that died is forgotten after this. */
const TTL_MS = 2_000;
/** How long a busy user is waited for before the row lock decides alone. */
const WAIT_MAX_MS = 20;
/** A busy user who was not asked for that long is waited for anew. */
const FORGET_AFTER_MS = 1_000;
/** Busy users that are remembered. */
const BUSY_KNOWN_MAX = 10_000;
/** After a failure Redis is left alone for this long, so that a Redis that hangs does not slow every batch. */
const REST_MS = 1_000;

/**
 * Input: KEYS the users' locks · ARGV[1] our token · ARGV[2] TTL in ms · ARGV[3] how many keys, from the first on, are taken
 * over even if held.
 * Output: the positions (from 1) of keys that others hold, and that are not ours now; negated, of keys taken over.
 */
const ACQUIRE_SCRIPT = `
local busy = {}
for i, key in ipairs(KEYS) do
  if not redis.call('set', key, ARGV[1], 'PX', ARGV[2], 'NX') then
    if i <= tonumber(ARGV[3]) then
      redis.call('set', key, ARGV[1], 'PX', ARGV[2])
      busy[#busy + 1] = -i
    else
      busy[#busy + 1] = i
    end
  end
end
return busy`;

/**
 * Input: KEYS the users' locks · ARGV[1] our token.
 * Output: how many were still ours.
 */
const RELEASE_SCRIPT = `
local released = 0
for _, key in ipairs(KEYS) do
  if redis.call('get', key) == ARGV[1] then released = released + redis.call('del', key) end
end
return released`;

const NONE: HeldLocks = { busy: new Set(), release: () => undefined };
const lockOf = (userId: string): string => `billing:lock:user:${userId}`;

interface LockCommands {
  billingAcquireLocks(count: number, ...args: readonly (string | number)[]): Promise<number[]>;
  billingReleaseLocks(count: number, ...args: readonly (string | number)[]): Promise<number>;
}

/** Makes the locks. `count` gets how many users of a batch fared how. */
export function createUserLocks(redis: Redis, count: (result: UserLockResult, users: number) => void): UserLocks {
  redis.defineCommand('billingAcquireLocks', { lua: ACQUIRE_SCRIPT });
  redis.defineCommand('billingReleaseLocks', { lua: RELEASE_SCRIPT });
  const commands = redis as unknown as LockCommands;
  const waits = new Waits();
  let restUntilMs = 0;
  const unavailable = (users: number): HeldLocks => {
    count('unavailable', users);
    return NONE;
  };
  return {
    acquire: async (userIds) => {
      const nowMs = monotonicMs();
      if (nowMs < restUntilMs) return unavailable(userIds.length);
      const overdue = userIds.filter((id) => waits.isOver(id, nowMs));
      const ordered = [...overdue, ...userIds.filter((id) => !waits.isOver(id, nowMs))];
      const token = randomUUID();
      let positions: readonly number[];
      try {
        const args = [...ordered.map(lockOf), token, TTL_MS, overdue.length];
        positions = await commands.billingAcquireLocks(ordered.length, ...args);
      } catch {
        restUntilMs = monotonicMs() + REST_MS;
        return unavailable(userIds.length);
      }
      const busy = new Set(positions.filter((position) => position > 0).map((position) => ordered[position - 1] ?? ''));
      waits.note(userIds, busy, nowMs);
      const held = ordered.filter((id) => !busy.has(id));
      const takenOver = positions.filter((position) => position < 0).length;
      count('busy', takenOver);
      count('acquired', held.length - takenOver);
      const release = (): void => {
        if (held.length === 0) return;
        void commands.billingReleaseLocks(held.length, ...held.map(lockOf), token).catch(() => undefined);
      };
      return { busy, release };
    },
  };
}

/** How long users have been found busy, who may be asked for by batches that take turns. */
class Waits {
  private readonly known = new Map<string, { readonly sinceMs: number; seenMs: number }>();

  /** Whether a user has been waited for long enough; one who was not asked for lately is waited for anew. */
  isOver(userId: string, nowMs: number): boolean {
    const wait = this.known.get(userId);
    return wait !== undefined && nowMs - wait.sinceMs >= WAIT_MAX_MS && nowMs - wait.seenMs < FORGET_AFTER_MS;
  }

  /** Notes which of the users asked for are busy. */
  note(userIds: readonly string[], busy: ReadonlySet<string>, nowMs: number): void {
    // Nobody may ask for a busy user again; forgetting them all costs those who do a second wait.
    if (this.known.size > BUSY_KNOWN_MAX) this.known.clear();
    for (const id of userIds) {
      const wait = this.known.get(id);
      if (!busy.has(id)) this.known.delete(id);
      else if (wait === undefined || nowMs - wait.seenMs >= FORGET_AFTER_MS) {
        this.known.set(id, { sinceMs: nowMs, seenMs: nowMs });
      } else wait.seenMs = nowMs;
    }
  }
}
