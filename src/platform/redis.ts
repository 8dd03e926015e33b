import { Redis } from 'ioredis';
import type { Logger } from './log';

/** A connection that owes an answer for so long is given up. Long enough for a process that stood still to read what is there. */
const SILENCE_MAX_MS = 1_000;

/**
 * Whether a connection is to be made anew after an error: what was the master only reads now, another took its place, and a
 * connection that is left alone would stay where it is.
 */
export function isDemoted(error: Error): boolean {
  return error.message.includes('READONLY');
}

/**
 * A connection to Redis: the second layer, never the truth. It fails fast and holds nothing back while Redis is away, so
 * that no call waits for it. `together`: commands of one turn leave in one write, for many small ones at once. `whenAway`: what
 * the log says of it.
 */
export function openRedis(
  url: string,
  timeoutMs: number,
  log: Logger,
  { together = false, whenAway = 'the row locks decide alone' } = {},
): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    enableAutoPipelining: together,
    maxRetriesPerRequest: 1,
    commandTimeout: timeoutMs,
    connectTimeout: 5_000,
    // One that hangs is left: commands that wait for it would pile up as long as the connection lives.
    socketTimeout: SILENCE_MAX_MS,
    // Nobody waits any more for what was given up: sent again it would take locks for nobody, and count what is counted.
    autoResendUnfulfilledCommands: false,
    reconnectOnError: isDemoted,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  });
  let isReported = false;
  redis.on('error', (error) => {
    if (!isReported) log.warn({ err: error }, `Redis is away; ${whenAway}`);
    isReported = true;
  });
  redis.on('ready', () => {
    if (isReported) log.info({}, 'Redis is back');
    isReported = false;
  });
  return redis;
}
