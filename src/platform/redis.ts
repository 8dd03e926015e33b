import { Redis } from 'ioredis';
import type { Logger } from './log';

/** A connection that owes an answer for so long is given up. Long enough for a process that stood still to read what is there. */
const SILENCE_MAX_MS = 1_000;
const RECONNECT_MAX_MS = 2_000;

/** How long to wait before the next attempt to connect. */
export const reconnectMs = (attempt: number): number => Math.min(attempt * 100, RECONNECT_MAX_MS);

/**
 * Whether a connection is to be made anew after an error: what was the master only reads now, another took its place, and a
 * connection that is left alone would stay where it is.
 */
export function isDemoted(error: Error): boolean {
  return error.message.includes('READONLY');
}

/** What is told of Redis: one line when it goes away and one when it is back, however many connections notice. */
export interface RedisReport {
  /** A connection broke, or a command failed. */
  readonly away: (error: Error) => void;
  readonly back: () => void;
  /** Nothing is told of its being away any more: the connections are being closed. */
  readonly silence: () => void;
}

/** Makes the reports of connections that come and go together. */
export function reportRedis(log: Logger, lines: { readonly away: string; readonly back: string }): RedisReport {
  let isAway = false;
  let isSilent = false;
  return {
    away: (error) => {
      if (!isAway && !isSilent) log.warn({ err: error }, lines.away);
      isAway = true;
    },
    back: () => {
      if (isAway) log.info({}, lines.back);
      isAway = false;
    },
    silence: () => {
      isSilent = true;
    },
  };
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
    retryStrategy: reconnectMs,
  });
  const report = reportRedis(log, { away: `Redis is away; ${whenAway}`, back: 'Redis is back' });
  redis.on('error', report.away).on('ready', report.back);
  return redis;
}
