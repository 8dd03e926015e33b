import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from '../log';
import type { QueuedJob } from './queued-job';

/** Where the queues are, and how often the database is looked at. */
export interface JobQueueOptions {
  readonly redisUrl: string;
  /** Of every key in Redis: services that share a Redis but not a database must differ in it. */
  readonly prefix: string;
  readonly intervalMs: number;
  readonly log: Logger;
}

/** Running queues. */
export interface JobQueues {
  /**
   * Takes nothing more and waits for the jobs in flight, at most for so long; what is left then is aborted, and due again by
   * the database. Then everything is closed. A second call waits for the first.
   */
  stop(drainMs: number): Promise<void>;
}

/** Most subjects of one job that are put in the queue by one look: what bounds it when nobody works. */
const LOOK_SIZE = 500;
/** A connection that owes an answer for so long is made anew. */
const SILENCE_MAX_MS = 5_000;
const RECONNECT_MAX_MS = 2_000;
/** After a command failed on a worker's connection it tries again: jobs go on that soon after Redis is back. */
const RETRY_MS = 1_000;
/** A job whose process has not said for so long that it is alive is given to another. */
const LOCK_MS = 30_000;
/** How long an aborted job has for coming to its end. */
const ABORT_GRACE_MS = 500;
/** How long closing may wait for Redis. */
const CLOSE_GRACE_MS = 500;

const reconnectMs = (attempt: number): number => Math.min(attempt * 100, RECONNECT_MAX_MS);

/**
 * Looks at the database at every interval, puts what is due into one queue for each job, and works on it. A subject is in
 * its queue once, whichever process found it due. Redis being away delays: nothing is put in and nothing taken out, no call
 * of the service notices, and work goes on by itself when it is back, even if it is back empty.
 */
export function startJobQueues(jobs: readonly QueuedJob[], options: JobQueueOptions): JobQueues {
  const { intervalMs, log } = options;
  const aborting = new AbortController();
  // Every job in flight listens to it, with every call that it makes: node would take that many for a leak, and say so.
  setMaxListeners(0, aborting.signal);
  const stopping = new AbortController();
  const running = jobs.map((job) => openQueue(job, options, aborting.signal));
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      for (const { job, look } of running) {
        await look().catch((error: unknown) => {
          log.error({ job: job.name, err: error }, 'what is due could not be put in the queue; it is looked for again');
        });
      }
      await pause(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const looking = loop();
  const stopAll = async (drainMs: number): Promise<void> => {
    stopping.abort();
    const drained = Promise.all(running.map(({ drain }) => drain()));
    await within(drainMs, drained);
    aborting.abort();
    await within(ABORT_GRACE_MS, drained);
    await Promise.all(running.map(({ close }) => close()));
    await looking;
  };
  let stopped: Promise<void> | undefined;
  return { stop: (drainMs) => (stopped ??= stopAll(drainMs)) };
}

/** Waits for work to end, but no longer than that; how it ends is no matter. */
async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  const limit = new AbortController();
  const isOver = pause(limitMs, undefined, { signal: limit.signal }).catch(() => undefined);
  const ended = work.catch(() => undefined);
  await Promise.race([ended, isOver]);
  limit.abort();
}

/** One job with its queue and its worker. */
interface RunningQueue {
  readonly job: QueuedJob;
  /** Puts what is due into the queue, if Redis is there. */
  readonly look: () => Promise<void>;
  /** Takes nothing more; resolves when nothing is in flight. */
  readonly drain: () => Promise<void>;
  readonly close: () => Promise<void>;
}

function openQueue(job: QueuedJob, options: JobQueueOptions, signal: AbortSignal): RunningQueue {
  const { name } = job;
  const { redisUrl, prefix, log } = options;
  const report = reportOnce(log, name);
  const producing = new PatientRedis(redisUrl);
  const consuming = new PatientRedis(redisUrl);
  for (const redis of [producing, consuming]) redis.on('error', report.away).on('ready', report.back);
  const queue = new Queue<{ id: string }>(name, { connection: producing, prefix });
  const inFlight = new Set<Promise<void>>();
  const work = async (id: string): Promise<void> => {
    try {
      await job.run(id, signal);
    } catch (error) {
      log.error({ job: name, id, err: error }, 'a job failed; it runs again when it is due');
    }
  };
  const process = async ({ data }: { readonly data: { readonly id: string } }): Promise<void> => {
    const working = work(data.id);
    inFlight.add(working);
    await working.finally(() => inFlight.delete(working));
  };
  const { concurrency } = job;
  const lives = { lockDuration: LOCK_MS, runRetryDelay: RETRY_MS };
  const worker = new Worker<{ id: string }>(name, process, { connection: consuming, prefix, concurrency, ...lives });
  queue.on('error', report.away);
  worker.on('error', (error) => {
    if (!isOfOneJob(error)) report.away(error);
    else log.warn({ job: name, err: error }, 'Redis has lost a job under way; it runs again if it is due');
  });

  let closed: Promise<void> | undefined;
  return {
    job,
    look: async () => {
      if (producing.status !== 'ready') return;
      const ids = await job.findDue(LOOK_SIZE);
      if (ids.length === 0) return;
      await queue.addBulk(ids.map((id) => ({ name, data: { id }, opts: { jobId: jobIdOf(id), ...KEEP_NOTHING } })));
    },
    drain: async () => {
      // Without Redis it would wait for Redis, for ever, to note how the jobs in flight ended.
      closed = worker.close(consuming.status !== 'ready');
      await Promise.all(inFlight);
    },
    close: async () => {
      await within(CLOSE_GRACE_MS, Promise.all([closed, queue.close()]));
      for (const redis of [producing, consuming]) redis.endAll();
    },
  };
}

/**
 * A connection whose commands wait for Redis, however long it is away, and the copies that BullMQ makes of it to wait for
 * jobs on. A job has one command of a look and a few of its worker under way, so what waits does not grow.
 */
class PatientRedis extends Redis {
  private readonly copies: Redis[] = [];

  constructor(url: string) {
    super(url, {
      maxRetriesPerRequest: null,
      socketTimeout: SILENCE_MAX_MS,
      disconnectTimeout: CLOSE_GRACE_MS,
      retryStrategy: reconnectMs,
    });
  }

  override duplicate(override?: Partial<RedisOptions>): Redis {
    // One that waits for jobs owes an answer for long; BullMQ looks after it.
    const copy = super.duplicate({ ...override, socketTimeout: undefined });
    this.copies.push(copy);
    return copy;
  }

  /** Ends all of them at once, and what waits on them, whether Redis is there or not. */
  endAll(): void {
    for (const redis of [this, ...this.copies]) redis.disconnect();
  }
}

/** What ended, well or not, leaves Redis: the database says what is due again, and an id that is left there would not be taken. */
const KEEP_NOTHING = { removeOnComplete: true, removeOnFail: true };

/** The queue's own id of a subject. It takes no colon, and nothing that looks like a number. */
function jobIdOf(id: string): string {
  return `of-${encodeURIComponent(id)}`;
}

/**
 * Whether Redis answered, and what it does not know (any more) is one job: emptied meanwhile, or its lock ran out. BullMQ gives
 * such errors a number, those of connections a word.
 */
function isOfOneJob(error: Error): boolean {
  return typeof (error as { readonly code?: unknown }).code === 'number';
}

/** One line when Redis goes away and one when it is back, however many connections notice. */
function reportOnce(log: Logger, job: string) {
  let isAway = false;
  return {
    away: (error: Error): void => {
      if (!isAway) log.warn({ job, err: error }, 'Redis is away; jobs wait');
      isAway = true;
    },
    back: (): void => {
      if (isAway) log.info({ job }, 'Redis is back; jobs go on');
      isAway = false;
    },
  };
}
