import { Redis, type RedisOptions } from 'ioredis';
import { isDemoted, reconnectMs } from '../redis';

/** A connection that owes an answer for so long is made anew. */
const SILENCE_MAX_MS = 5_000;
/** How long closing may wait for Redis. */
export const CLOSE_GRACE_MS = 500;

/**
 * A connection whose commands wait for Redis, however long it is away, and the copies that BullMQ makes of it to wait for
 * jobs on. A queue has one command of a look and a few of its worker under way, so what waits does not grow.
 */
export class PatientRedis extends Redis {
  private readonly copies: Redis[] = [];

  constructor(url: string) {
    super(url, {
      maxRetriesPerRequest: null,
      socketTimeout: SILENCE_MAX_MS,
      disconnectTimeout: CLOSE_GRACE_MS,
      reconnectOnError: isDemoted,
      retryStrategy: reconnectMs,
    });
    // All queues listen to one connection: node would take that many for a leak, and say so.
    this.setMaxListeners(0);
  }

  override duplicate(override?: Partial<RedisOptions>): Redis {
    // One that waits for jobs owes an answer for long; BullMQ looks after it.
    const copy = super.duplicate({ ...override, socketTimeout: undefined });
    this.copies.push(copy);
    return copy;
  }

  /**
   * Ends all of them at once, and what waits on them, whether Redis is there or not. One that BullMQ has ended is left: ended again
   * it would wait for an end that was, and keep the process for as long.
   */
  endAll(): void {
    for (const redis of [this, ...this.copies]) if (redis.status !== 'end') redis.disconnect();
  }
}
