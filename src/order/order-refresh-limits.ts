import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/**
 * How often WeChat Pay is asked about an order because a page waits for it: counted in Redis for all replicas, by each
 * replica for itself while Redis is away. It spares WeChat Pay's own limits, no more: the checks of the worker find
 * every payment without it.
 */
export interface OrderRefreshLimits {
  /** Whether WeChat Pay may be asked about this order now; counts as asking. */
  mayAsk(orderId: string): Promise<boolean>;
}

/** Once in this time for an order. */
const SECONDS_EACH = 2;

/** Makes the limits. */
export function createOrderRefreshLimits(redis: Redis): OrderRefreshLimits {
  const once = { points: 1, duration: SECONDS_EACH };
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: 'billing:refreshes',
    ...once,
    // Who was told no is told so again without asking Redis, until the time is over.
    inMemoryBlockOnConsumed: 1,
    insuranceLimiter: new RateLimiterMemory({ keyPrefix: 'refreshes', ...once }),
  });
  return {
    mayAsk: async (orderId) => {
      try {
        await limiter.consume(orderId);
        return true;
      } catch (reason) {
        if (reason instanceof RateLimiterRes) return false;
        throw reason;
      }
    },
  };
}
