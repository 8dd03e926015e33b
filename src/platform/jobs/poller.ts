import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../log';

/** A piece of work that the database says is due. Running it twice, or twice at once, must be harmless. */
export interface PolledJob {
  readonly name: string;
  /** Does what is due now; returns how much was due, so that a full batch is followed by the next at once. */
  readonly run: () => Promise<number>;
}

/** A running poller. */
export interface Poller {
  /** Ends after the run in flight. */
  stop(): Promise<void>;
}

/** Runs jobs one after another, again and again with a pause between rounds. A job that fails does not stop the rest. */
export function startPoller(jobs: readonly PolledJob[], intervalMs: number, log: Logger): Poller {
  const stopping = new AbortController();
  const runAll = async (): Promise<void> => {
    for (const job of jobs) {
      if (stopping.signal.aborted) return;
      try {
        const due = await job.run();
        if (due > 0) log.info({ job: job.name, due }, 'job ran');
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
