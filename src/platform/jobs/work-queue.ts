import { Queue, Worker, type Job } from 'bullmq';
import { monotonicMs } from '../clock';
import type { Logger } from '../log';
import type { RedisReport } from '../redis';
import type { PatientRedis } from './patient-redis';

/** What one process shares among its queues. */
export interface QueueParts {
  /** Puts in. */
  readonly producing: PatientRedis;
  /** Takes out. */
  readonly consuming: PatientRedis;
  readonly report: RedisReport;
  /** Of every key in Redis. */
  readonly prefix: string;
  /** A job whose process has not said for so long that it is alive is given to another. */
  readonly lockMs: number;
  readonly log: Logger;
}

/** A queue and this process's worker on it. */
export interface WorkQueue<Task> {
  readonly queue: Queue<Task>;
  /** Takes nothing more; resolves when nothing is in flight. */
  readonly drain: () => Promise<void>;
  /** After the drain. */
  readonly close: () => Promise<unknown>;
}

/** After a command failed on a worker's connection it tries again: jobs go on that soon after Redis is back. */
const RETRY_MS = 1_000;
/** A job that was in the hands of so many processes that died is dropped; the database says that it is due. */
const STALLED_MAX = 1_000;
/** Between two lines about what a queue could not do, if it is not Redis being away: such things come in crowds. */
const QUIET_MS = 60_000;
/** Nobody reads the stream in which BullMQ tells what it does. */
const EVENTS_MAX = 100;

/**
 * What ended, well or not, leaves Redis: the database says what is due again, and an id that is left there would not be
 * taken.
 */
export const KEEP_NOTHING = { removeOnComplete: true, removeOnFail: true } as const;

/** Opens a queue and works on it, on `concurrency` jobs at the same time. */
export function openWorkQueue<Task>(
  name: string,
  concurrency: number,
  work: (job: Job<Task>) => Promise<void>,
  parts: QueueParts,
): WorkQueue<Task> {
  const { producing, consuming, prefix, lockMs } = parts;
  const streams = { events: { maxLen: EVENTS_MAX } };
  const queue = new Queue<Task>(name, { connection: producing, prefix, streams });
  const inFlight = new Set<Promise<void>>();
  const process = async (job: Job<Task>): Promise<void> => {
    const working = work(job);
    inFlight.add(working);
    await working.finally(() => inFlight.delete(working));
  };
  // Looked for twice in the time of a lock.
  const lives = { lockDuration: lockMs, stalledInterval: lockMs / 2, maxStalledCount: STALLED_MAX };
  const timing = { ...lives, runRetryDelay: RETRY_MS };
  const worker = new Worker<Task>(name, process, { connection: consuming, prefix, concurrency, ...timing });
  const onError = errorTeller(name, parts);
  queue.on('error', onError);
  worker.on('error', onError);
  let closed: Promise<void> | undefined;
  return {
    queue,
    drain: async () => {
      // Without Redis it would wait for Redis, for ever, to note how the jobs in flight ended.
      closed = worker.close(consuming.status !== 'ready');
      await Promise.allSettled(inFlight);
    },
    close: () => Promise.all([closed, queue.close()]),
  };
}

/**
 * What a queue or worker could not do. BullMQ gives errors about one job a number (emptied meanwhile, or its lock ran out),
 * those of connections have a word, or say that they are closed.
 */
function errorTeller(queue: string, { report, log }: QueueParts): (error: Error) => void {
  let quietUntilMs = 0;
  return (error) => {
    const { code } = error as { readonly code?: unknown };
    if (typeof code === 'number') {
      log.warn({ queue, err: error }, 'Redis has lost a job under way; it runs again if it is due');
    } else if (typeof code === 'string' || error.message.startsWith('Connection is closed')) {
      report.away(error);
    } else if (monotonicMs() >= quietUntilMs) {
      quietUntilMs = monotonicMs() + QUIET_MS;
      log.warn({ queue, err: error }, 'a queue had to give something up; what is due is looked for again');
    }
  };
}
