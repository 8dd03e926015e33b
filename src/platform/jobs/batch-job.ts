import { monotonicMs } from '../clock';

/** Work on everything that is due, a batch at a time. Running it twice, or twice at once, must be harmless. */
export interface BatchJob {
  /** Letters, digits and hyphens: names the job in the list of jobs. */
  readonly name: string;
  /**
   * Most that one run does: when as much was due, the next run follows at once. Left out by a job whose failures stay at
   * the head of what is due: it would only find them again.
   */
  readonly batchSize?: number;
  /** Does what is due now; returns how much was due. Begins nothing more once `signal` is aborted, if it can take long. */
  readonly run: (signal: AbortSignal) => Promise<number>;
}

/**
 * A batch job that is always due: looked at as often as the worker looks at anything. One that fails is run again with
 * growing pauses, is a dead letter after the last attempt, and goes on being looked at: the next success resolves it.
 */
export type SweepJob = BatchJob;

/**
 * A batch job that is due once a day or once an hour, at a time in Shanghai. The last day or hour that was missed is made up
 * for. It is told which one it is about: `2026-01-31`, or `2026-01-31T14`.
 */
export interface SlotJob extends Omit<BatchJob, 'run'> {
  readonly run: (signal: AbortSignal, slot: string) => Promise<number>;
}

/** How long full batches follow each other before the job says that it ran. */
const TURN_MS = 10_000;

/** What a turn did. */
export interface Turn {
  readonly done: number;
  /** Whether the last batch was full: there may be more. */
  readonly isFull: boolean;
}

/** Runs batch after batch as long as they are full, for the length of a turn. */
export async function runTurn(job: BatchJob, signal: AbortSignal, turnMs = TURN_MS): Promise<Turn> {
  const endMs = monotonicMs() + turnMs;
  let done = 0;
  let isFull = true;
  while (isFull && !signal.aborted && monotonicMs() < endMs) {
    const due = await job.run(signal);
    done += due;
    isFull = job.batchSize !== undefined && due >= job.batchSize;
  }
  return { done, isFull };
}
