import { Redis } from 'ioredis';
import type { CloudEvent } from '../../src/event/envelope';
import { until } from './harness';

/** An event as a consumer sees it, with the id of its entry in the stream. */
export interface SeenEvent {
  readonly entryId: string;
  readonly event: CloudEvent;
}

type Entries = readonly (readonly [string, readonly string[]])[];

/** Entries that one read asks for. */
const READ_SIZE = 1_000;

/**
 * A consumer of the stream as docs/events.md describes one: it remembers where it is, and begins anew when the stream was. What
 * it saw is kept by the life of the stream: `lives` has one list for each.
 */
export class EventReader {
  readonly lives: SeenEvent[][] = [[]];
  private readonly redis: Redis;
  private position = '0-0';

  constructor(
    url: string,
    private readonly streamKey: string,
  ) {
    this.redis = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy: () => 50 });
    // It is away when tests kill it; reads fail then, and are tried again.
    this.redis.on('error', () => undefined);
  }

  /** Every event seen, in order; one that came again is there again. */
  get seen(): readonly CloudEvent[] {
    return this.lives.flat().map(({ event }) => event);
  }

  /** The stream is gone, and its entry ids with it: what comes is another one. */
  beginAnew(): void {
    this.position = '0-0';
    this.lives.push([]);
  }

  /** Reads what is new; nothing while Redis is away. Returns how much. */
  async poll(): Promise<number> {
    let found: readonly (readonly [string, Entries])[] | null;
    try {
      found = await this.redis.xread('COUNT', READ_SIZE, 'STREAMS', this.streamKey, this.position);
    } catch {
      return 0;
    }
    const entries = found?.[0]?.[1] ?? [];
    for (const [entryId, [, text = '{}']] of entries) {
      this.lives.at(-1)?.push({ entryId, event: JSON.parse(text) as CloudEvent });
      this.position = entryId;
    }
    return entries.length;
  }

  /** Waits until so many events were seen in all. */
  untilSeen(count: number): Promise<void> {
    return until(`${count} events were seen`, async () => {
      await this.poll();
      return this.seen.length >= count;
    });
  }

  close(): void {
    this.redis.disconnect();
  }
}
