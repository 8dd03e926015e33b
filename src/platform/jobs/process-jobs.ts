import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../log';

/** Work that every worker process does for itself, because what it makes is the process's own: its gauges. */
export interface ProcessJob {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** Running process jobs. */
export interface ProcessJobs {
  /** Ends after the run in flight. */
  stop(): Promise<void>;
}

/** Runs the jobs one after another, again and again with a pause between rounds. One that fails does not stop the rest. */
export function startProcessJobs(jobs: readonly ProcessJob[], intervalMs: number, log: Logger): ProcessJobs {
  const stopping = new AbortController();
  const failing = new Set<string>();
  const runOne = async ({ name, run }: ProcessJob): Promise<void> => {
    try {
      await run();
      failing.delete(name);
    } catch (error) {
      // One line for a database that is away, not one for each round.
      if (!failing.has(name)) log.error({ job: name, err: error }, 'a job of this process failed; it runs again');
      failing.add(name);
    }
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      for (const job of jobs) await runOne(job);
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
