import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { systemClock } from '../../src/platform/clock';

/** How long after it happened a change was read from the stream. */
export interface EventLag {
  readonly events: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** A consumer of the stream that reads along. */
export interface EventWatch {
  /** Reads until every row of the log was told; `fault`: what was not told in time, or told wrongly. */
  end(root: Connection, database: string): Promise<{ readonly lag: EventLag; readonly fault: string | undefined }>;
}

const READ_SIZE = 1_000;
const BLOCK_MS = 20;
/** For the last events to come, after the last call was answered. */
const END_MS_MAX = 10_000;

/** What an earlier run told may still be on its way. */
const SETTLE_MS = 500;

/** The last entry, once nothing more comes. */
async function settledEnd(redis: Redis, streamKey: string): Promise<string> {
  for (let before: string | undefined; ; await pause(SETTLE_MS)) {
    const [latest] = await redis.xrevrange(streamKey, '+', '-', 'COUNT', 1);
    const end = latest?.[0] ?? '0-0';
    if (end === before) return end;
    before = end;
  }
}

interface Told {
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly data: { readonly first_sequence: number; readonly last_sequence: number };
}

type Reply = readonly (readonly [string, readonly (readonly [string, readonly string[]])[]])[] | null;

/** Reads what comes from now on. `time` is taken before COMMIT, so the lag includes that. */
export async function watchEvents(redisUrl: string, streamKey: string): Promise<EventWatch> {
  const redis = new Redis(redisUrl);
  let position = await settledEnd(redis, streamKey);
  const lags: number[] = [];
  const lastOf = new Map<string, number>();
  let rows = 0;
  let disorder: string | undefined;
  const note = ({ type, subject, time, data }: Told, readMs: number): void => {
    if (type !== 'quota.changed') return;
    lags.push(readMs - Date.parse(time));
    rows += data.last_sequence - data.first_sequence + 1;
    const last = lastOf.get(subject);
    if (last !== undefined && data.first_sequence !== last + 1)
      disorder ??= `${subject}: ${data.first_sequence} after ${last}`;
    lastOf.set(subject, data.last_sequence);
  };
  let isOver = false;
  const reading = (async () => {
    while (!isOver) {
      const found = (await redis.xread('COUNT', READ_SIZE, 'BLOCK', BLOCK_MS, 'STREAMS', streamKey, position)) as Reply;
      const readMs = systemClock.now().getTime();
      for (const [entryId, [, json = '{}']] of found?.[0]?.[1] ?? []) {
        position = entryId;
        note(JSON.parse(json) as Told, readMs);
      }
    }
  })();
  return {
    end: async (root, database) => {
      // The rows that the run wrote: the seed's grant is the first of each user.
      const [counted] = await root.query<RowDataPacket[]>(
        `SELECT COUNT(*) AS n FROM ${database}.quota_logs WHERE sequence > 1`,
      );
      const wanted = Number(counted[0]?.['n']);
      const giveUpMs = performance.now() + END_MS_MAX;
      while (rows < wanted && performance.now() < giveUpMs) await pause(BLOCK_MS);
      isOver = true;
      await reading;
      redis.disconnect();
      const fault = rows === wanted ? disorder : `${rows} of ${wanted} changes were told`;
      return { lag: summary(lags), fault };
    },
  };
}

function summary(lags: readonly number[]): EventLag {
  const sorted = [...lags].sort((first, second) => first - second);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return { events: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
