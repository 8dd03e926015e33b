import { setTimeout as pause } from 'node:timers/promises';
import { monotonicMs } from '../clock';
import type { Logger } from '../log';

/** A piece of work that the database says is due. Running it twice, or twice at once, must be harmless. */
export interface PolledJob {
  readonly name: string;
  /**
   * Most that one run does: when as much was due, the next run follows at once. Left out by a job whose failures stay at
   * the head of what is due: it would only find them again.
   */
  readonly batchSize?: number;
  /** Does what is due now; returns how much was due. Begins nothing more once `signal` is aborted, if it can take long. */
  readonly run: (signal: AbortSignal) => Promise<number>;
}

/** How long a job with full batches goes on before the next job has its turn. */
const TURN_MS = 2_000;

/** A running poller. */
export interface Poller {
  /** Ends after the run in flight. */
  stop(): Promise<void>;
}

/**
 * Runs jobs one after another, again and again with a pause between rounds. A full batch is followed by the next at once,
 * for the length of a turn. A job that fails does not stop the rest.
 */
export function startPoller(jobs: readonly PolledJob[], intervalMs: number, log: Logger): Poller {
  const stopping = new AbortController();
  const takeTurn = async (job: PolledJob): Promise<void> => {
    const endMs = monotonicMs() + TURN_MS;
    for (let isFull = true; isFull && !stopping.signal.aborted && monotonicMs() < endMs;) {
      const due = await job.run(stopping.signal);
      if (due > 0) log.info({ job: job.name, due }, 'job ran');
      isFull = job.batchSize !== undefined && due >= job.batchSize;
    }
  };
  const runAll = async (): Promise<void> => {
    for (const job of jobs) {
      try {
        await takeTurn(job);
      } catch (error) {
        log.error({ job: job.name, err: error }, 'job failed; it runs again next round');
      }
    }
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await runAll();
      await pause(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const ended = loop();
  return {
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}
