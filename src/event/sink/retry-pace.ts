import { randomInt } from 'node:crypto';

/** Pauses after each failed attempt, as Standard Webhooks recommends: some three days in all. */
const PAUSES_SECONDS = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/** Attempts in all; then a delivery has failed for good. */
export const DELIVERY_ATTEMPTS = PAUSES_SECONDS.length + 1;

/** Jitter, in thousandths of a pause, to either side: what failed together does not come back together. */
const JITTER = 200;

/** How long to wait after so many attempts; undefined: no longer. */
export function pauseAfter(attempts: number): number | undefined {
  const seconds = PAUSES_SECONDS[attempts - 1];
  return seconds === undefined ? undefined : seconds * randomInt(1_000 - JITTER, 1_000 + JITTER + 1);
}
