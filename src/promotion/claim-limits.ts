import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { platformErrors } from '../platform/errors';

/**
 * How often a user may try to claim, and how often a caller may for all its users (R1.3): counted in Redis for all
 * replicas; by each replica for itself while Redis is away. A limit on trying, no more: what can be claimed is guarded by
 * stock, budget and one coupon a user, under the promotion's lock.
 */
export interface ClaimLimits {
  /** Counts one attempt. Throws RATE_LIMITED. */
  spend(userId: string, caller: string): Promise<void>;
}

/** Attempts in a minute. */
export interface ClaimRates {
  readonly perUser: number;
  readonly perCaller: number;
}

const MINUTE_SECONDS = 60;

/** Makes the limits. */
export function createClaimLimits(redis: Redis, { perUser, perCaller }: ClaimRates): ClaimLimits {
  const limiter = (of: string, points: number): RateLimiterRedis =>
    new RateLimiterRedis({
      storeClient: redis,
      keyPrefix: `billing:claims:${of}`,
      points,
      duration: MINUTE_SECONDS,
      // Who is over the limit is refused here, without asking Redis again, until the minute is over.
      inMemoryBlockOnConsumed: points,
      insuranceLimiter: new RateLimiterMemory({ keyPrefix: of, points, duration: MINUTE_SECONDS }),
    });
  const [users, callers] = [limiter('user', perUser), limiter('caller', perCaller)];
  return {
    spend: async (userId, caller) => {
      try {
        // One after the other: what a user is refused must not use up what all users of the caller share.
        await users.consume(userId);
        await callers.consume(caller);
      } catch (reason) {
        if (!(reason instanceof RateLimiterRes)) throw reason;
        throw platformErrors.RATE_LIMITED({ metadata: { retry_after_ms: String(reason.msBeforeNext) } });
      }
    },
  };
}
