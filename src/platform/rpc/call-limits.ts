import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { isPerson, type Caller } from '../calls';
import { monotonicMs } from '../clock';
import { platformErrors } from '../errors';

/**
 * How many calls a caller may make in a second, over all replicas: a guard against a client that runs wild, not of money
 * (R1.3). Counted here, call by call and without waiting; Redis is told in slices, beside the calls, and answers whether all
 * replicas together are over. Why: docs/adr/0013. While Redis is away each replica counts for itself.
 */
export interface CallLimits {
  /** Counts one call. Throws RATE_LIMITED, saying when the second is over. */
  spend(caller: Caller): void;
}

/** Calls in a second. */
export interface CallRates {
  readonly perService: number;
  readonly perPerson: number;
}

/** Counts for all replicas. Rejects with a RateLimiterRes when they are over the limit, with anything else when it can not tell. */
interface SharedCount {
  consume(identity: string, calls: number): Promise<unknown>;
}

const SECOND_MS = 1_000;
/** Into how many slices a second's calls are cut: so much more than the limit, at most, each replica can let pass. */
const SLICES = 20;

/** Makes the limits; `keyPrefix` tells services apart that share a Redis. */
export function createCallLimits(redis: Redis, { perService, perPerson }: CallRates, keyPrefix: string): CallLimits {
  const shared = (of: string, points: number): SharedCount =>
    new RateLimiterRedis({ storeClient: redis, keyPrefix: `${keyPrefix}:rpcs:${of}`, points, duration: 1 });
  const services = countCalls(perService, shared('service', perService));
  const people = countCalls(perPerson, shared('person', perPerson));
  return { spend: (caller) => (isPerson(caller.role) ? people : services).spend(caller) };
}

/** A caller's second. */
interface Second {
  endMs: number;
  calls: number;
  /** Calls of it that Redis was not told of. */
  untold: number;
  /** Until when all replicas together are over the limit. */
  blockedUntilMs: number;
  isTelling: boolean;
}

/** Counts one kind of callers. `nowMs` is for tests. */
export function countCalls(limit: number, shared: SharedCount, nowMs: () => number = monotonicMs): CallLimits {
  const slice = Math.max(1, Math.floor(limit / SLICES));
  // As many as our CA signed identities: bounded.
  const seconds = new Map<string, Second>();

  const tell = (identity: string, second: Second): void => {
    const calls = second.untold;
    second.untold = 0;
    second.isTelling = true;
    shared
      .consume(identity, calls)
      .catch((reason: unknown) => {
        // Anything else: Redis is away, which openRedis has logged, and what is counted here decides alone.
        if (reason instanceof RateLimiterRes) second.blockedUntilMs = nowMs() + reason.msBeforeNext;
      })
      .finally(() => {
        second.isTelling = false;
      });
  };

  return {
    spend: ({ identity }) => {
      const now = nowMs();
      let second = seconds.get(identity);
      if (second === undefined) {
        second = { endMs: 0, calls: 0, untold: 0, blockedUntilMs: 0, isTelling: false };
        seconds.set(identity, second);
      }
      if (now >= second.endMs) {
        // What is left of the last second, less than a slice, is not told: it is over.
        second.endMs = now + SECOND_MS;
        second.calls = 0;
        second.untold = 0;
      }
      if (now < second.blockedUntilMs) throw limited(limit, second.blockedUntilMs - now);
      if (second.calls >= limit) throw limited(limit, second.endMs - now);
      second.calls += 1;
      second.untold += 1;
      if (second.untold >= slice && !second.isTelling) tell(identity, second);
    },
  };
}

function limited(limit: number, waitMs: number): Error {
  const retryAfterMs = Math.max(1, Math.ceil(waitMs));
  const metadata = { limit: 'rpcs_per_second', max: String(limit), retry_after_ms: String(retryAfterMs) };
  return platformErrors.RATE_LIMITED({ metadata, retryAfterMs });
}
