import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { monotonicMs } from '../../../platform/clock';
import type { AttemptOutcome } from './answer';

const ATTEMPTS_MAX = 3;
const BACKOFF_FIRST_MS = 200;

/** How long a call may take, with all its attempts. */
export interface CallBudget {
  readonly timeoutMs: number;
  /** Ends the call early. Its outcome is then unknown. */
  readonly signal?: AbortSignal;
}

/**
 * Attempts until an answer, a refusal, an outcome that a repeat would not mend, three attempts, or the budget's end.
 * Every attempt but the last gets half of the time that is left, so that a silent server does not eat the repeat.
 * What is left after three attempts is for a job, not for the caller who waits.
 */
export async function attemptWithinBudget(
  attempt: (timeoutMs: number, number: number) => Promise<AttemptOutcome>,
  budget: CallBudget,
): Promise<AttemptOutcome> {
  const deadlineMs = monotonicMs() + budget.timeoutMs;
  for (let number = 1; ; number += 1) {
    const leftMs = Math.max(1, deadlineMs - monotonicMs());
    const isLast = number === ATTEMPTS_MAX;
    const outcome = await attempt(isLast ? leftMs : leftMs / 2, number);
    if (isLast || outcome.kind !== 'unknown' || outcome.repeat === 'never') return outcome;
    const pauseMs = backoffMs(number);
    if (monotonicMs() + pauseMs >= deadlineMs) return outcome;
    if (!(await pause(pauseMs, budget.signal))) return outcome;
  }
}

/** Exponential, jittered over its upper half, so that callers that failed together do not return together. */
function backoffMs(attemptsMade: number): number {
  const ceilingMs = BACKOFF_FIRST_MS * 2 ** (attemptsMade - 1);
  return randomInt(ceilingMs / 2, ceilingMs + 1);
}

/** False when the caller gave up meanwhile. */
async function pause(durationMs: number, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await wait(durationMs, undefined, signal === undefined ? {} : { signal });
    return true;
  } catch {
    return false;
  }
}
