import type { Job } from 'bullmq';
import { monotonicMs } from '../clock';
import type { Logger } from '../log';
import { describeFailure, isTransient } from './job-failure';
import type { DeadLetters } from './job-storage';
import type { JobWork } from './job-work';

/** What is put in a queue: one thing to work on. */
export interface Task {
  readonly job: string;
  readonly id: string;
  /** Whether its success resolves a dead letter. */
  readonly isDeadLetter: boolean;
}

/**
 * How a run ended. `done`. `failed`: it is tried again soon. `buried`: it was the last attempt, there is a dead letter now.
 * `postponed`: what it needs is away, or the process stops; the database says when it is due again.
 */
export type JobOutcome = 'done' | 'failed' | 'buried' | 'postponed';

/** Counts what jobs do; the process's metrics implement it. */
export interface JobObserver {
  jobEnded(job: string, outcome: JobOutcome, seconds: number): void;
}

/** What a run needs. */
export interface RunnerParts {
  readonly letters: DeadLetters;
  readonly observer: JobObserver;
  readonly log: Logger;
  /** Aborted when the process has no time left. */
  readonly signal: AbortSignal;
}

/**
 * Works on what was taken from a queue. Rejects only where the queue shall try it again: a failure that waiting alone mends
 * is left to the database, which says when it is due again, and the last failure is kept as a dead letter.
 */
export function createRunner(works: readonly JobWork[], parts: RunnerParts): (job: Job<Task>) => Promise<void> {
  const { observer, signal } = parts;
  const known = new Map(works.map((work) => [work.name, work]));
  return async ({ data, attemptsMade, opts }) => {
    const { job, id } = data;
    // Another version's: it finds that it is due, and has it done itself.
    const work = known.get(job);
    if (work === undefined) return;
    const startMs = monotonicMs();
    const tell = (outcome: JobOutcome): void => observer.jobEnded(job, outcome, (monotonicMs() - startMs) / 1_000);
    try {
      await work.run(id, signal);
    } catch (error) {
      const attempts = attemptsMade + 1;
      const outcome = await afterFailure(parts, data, error, { attempts, isLast: attempts >= (opts.attempts ?? 1) });
      tell(outcome);
      if (outcome === 'failed') throw error;
      return;
    }
    tell('done');
    if (data.isDeadLetter) await resolve(parts, work, id);
  };
}

async function afterFailure(
  { letters, log, signal }: RunnerParts,
  { job, id }: Task,
  error: unknown,
  { attempts, isLast }: { readonly attempts: number; readonly isLast: boolean },
): Promise<JobOutcome> {
  const about = { job, id, attempts, err: error };
  if (signal.aborted || isTransient(error)) {
    log.warn(about, 'a job could not be done now; it runs again when it is due');
    return 'postponed';
  }
  if (!isLast) {
    log.warn(about, 'a job failed; it is tried again soon');
    return 'failed';
  }
  try {
    await letters.bury({ job, subject: id, error: describeFailure(error), attempts });
    log.error(about, 'a job failed for the last time; it is a dead letter, see billing jobs dead');
    return 'buried';
  } catch (burial) {
    log.error({ ...about, burial }, 'a job failed, and that could not be noted; it runs again when it is due');
    return 'postponed';
  }
}

/** The letter stays as it is where this fails: what succeeded is run again for it, which does nothing, and resolves it. */
async function resolve({ letters, log }: RunnerParts, { name, resolvesAll }: JobWork, id: string): Promise<void> {
  try {
    await (resolvesAll ? letters.resolve(name) : letters.resolve(name, id));
  } catch (error) {
    log.warn({ job: name, id, err: error }, 'a dead letter could not be resolved; its job runs again');
  }
}
