import { randomInt } from 'node:crypto';

/**
 * Model tests are bounded in CI; `npm run test:soak` runs the same tests with new seeds for as long as it is told
 * (docs/testing.md).
 */

const MS_PER_MINUTE = 60_000;

/** Minutes that a soak lasts; 0: this is no soak. */
const SOAK_MINUTES = Number(process.env['BILLING_SOAK_MINUTES'] ?? 0);

/** Time a soak's test needs beside the rounds. */
const SLACK_MS = 2 * MS_PER_MINUTE;

/** The time-out for a test file that soaks. */
export function soakTimeoutMs(otherwiseMs: number): number {
  return SOAK_MINUTES === 0 ? otherwiseMs : SOAK_MINUTES * MS_PER_MINUTE + SLACK_MS;
}

/**
 * Runs rounds, each with a new seed, for the soak's time, or for `ciMs` when this is no soak. One that fails says with which
 * seed; BILLING_SEED runs that one alone.
 */
export async function soak(name: string, ciMs: number, round: (seed: number) => Promise<void>): Promise<void> {
  const fixed = process.env['BILLING_SEED'];
  const startedMs = performance.now();
  const endMs = startedMs + (SOAK_MINUTES === 0 ? ciMs : SOAK_MINUTES * MS_PER_MINUTE);
  let told = 1;
  for (let rounds = 1; ; rounds += 1) {
    const seed = fixed === undefined ? randomInt(2 ** 31) : Number(fixed);
    try {
      await round(seed);
    } catch (error) {
      throw new Error(`${name}: round ${rounds} failed; BILLING_SEED=${seed} runs it again`, { cause: error });
    }
    const nowMs = performance.now();
    if (nowMs >= startedMs + told * MS_PER_MINUTE) {
      const minutes = Math.floor((nowMs - startedMs) / MS_PER_MINUTE);
      process.stderr.write(`${name}: ${minutes} min, ${rounds} rounds, last seed ${seed}\n`);
      told = minutes + 1;
    }
    if (fixed !== undefined || nowMs >= endMs) return;
  }
}
