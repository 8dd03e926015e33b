import { Redis } from 'ioredis';
import { z } from 'zod';
import { Unexpected } from './unexpected';

/** The stream of events, as any consumer reads it (docs/events.md). */

const STREAM = 'billing.events';
const WAIT_MS = 10_000;
/** How long Redis waits for news before it answers that there are none. */
const BLOCK_MS = 500;
const COMMAND_TIMEOUT_MS = 5_000;
const ENTRIES_AT_ONCE = 500;

const eventSchema = z.object({
  specversion: z.literal('1.0'),
  id: z.string(),
  type: z.string(),
  subject: z.string().optional(),
  time: z.iso.datetime(),
  data: z.record(z.string(), z.unknown()),
});

/** A CloudEvent. */
export type StreamEvent = Readonly<z.infer<typeof eventSchema>>;

/** One reading: what came after an entry, and the entry to go on from. */
async function readAfter(redis: Redis, entry: string): Promise<{ entry: string; events: readonly StreamEvent[] }> {
  const answer = await redis.xread('COUNT', ENTRIES_AT_ONCE, 'BLOCK', BLOCK_MS, 'STREAMS', STREAM, entry);
  const entries = answer?.[0]?.[1] ?? [];
  return {
    entry: entries.at(-1)?.[0] ?? entry,
    events: entries.map(([, [, json]]) => eventSchema.parse(JSON.parse(String(json)))),
  };
}

/**
 * Reads the stream from its beginning until a user's events are as many as expected: each once, in the order of the stream.
 * Throws Unexpected when they are not there in time.
 */
export async function readEventsOf(
  redisUrl: string,
  userId: string,
  expected: number,
): Promise<readonly StreamEvent[]> {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 2, commandTimeout: COMMAND_TIMEOUT_MS });
  // Said by the command that fails.
  redis.on('error', () => undefined);
  const found = new Map<string, StreamEvent>();
  const deadlineMs = performance.now() + WAIT_MS;
  try {
    for (let entry = '0'; found.size < expected;) {
      if (performance.now() > deadlineMs) {
        throw new Unexpected(
          `${found.size} of ${expected} events of ${userId} were on the stream after ${WAIT_MS} ms.`,
        );
      }
      const read = await readAfter(redis, entry);
      entry = read.entry;
      for (const event of read.events) if (event.subject === userId && !found.has(event.id)) found.set(event.id, event);
    }
    return [...found.values()];
  } finally {
    redis.disconnect();
  }
}
