import { addMs, MS_PER_MINUTE } from '../platform/time';

/** When WeChat Pay is asked about a refund again; pure. The database holds the answer as next_attempt_time. */

const PAUSE_FIRST_MS = 15_000;
const PAUSE_MAX_MS = 60 * MS_PER_MINUTE;

/**
 * The pause after so many attempts: 15 s, and twice as long each time, to an hour. A refund to a wallet takes minutes, one
 * to a card up to three days.
 */
export function nextAttemptAfter(attempts: number, now: Date): Date {
  return addMs(now, Math.min(PAUSE_FIRST_MS * 2 ** Math.max(0, attempts - 1), PAUSE_MAX_MS));
}

/** How much longer than its calls may take, to send and to ask, an attempt keeps others away. */
export const LEASE_SLACK_MS = 45_000;

/** After that many attempts without an answer people are told. */
export const SILENT_ATTEMPTS = 5;
