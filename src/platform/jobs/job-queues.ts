import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicMs, type Clock } from '../clock';
import type { Logger } from '../log';
import type { DeadLetters } from './job-storage';
import type { JobWork } from './job-work';
import { reportRedis } from '../redis';
import { CLOSE_GRACE_MS, PatientRedis } from './patient-redis';
import { createRunner, type JobObserver, type Task } from './run-task';
import { assertSchedulers } from './schedulers';
import { KEEP_NOTHING, openWorkQueue, type QueueParts, type WorkQueue } from './work-queue';

/** Where the queues are, how often is looked at the database, and what becomes of failures. */
export interface JobQueueOptions {
  readonly redisUrl: string;
  /** Of every key in Redis: services that share a Redis but not a database must differ in it. */
  readonly prefix: string;
  readonly intervalMs: number;
  /** A job whose process has not said for so long that it is alive is given to another. */
  readonly lockMs: number;
  /** How often a failing subject is tried, and the pause after the first failure; each pause is twice the one before. */
  readonly retry: { readonly attempts: number; readonly firstMs: number };
  readonly letters: DeadLetters;
  readonly clock: Pick<Clock, 'machineNow'>;
  readonly observer: JobObserver;
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

/** The queue of the ticks that the schedulers make. */
const TICK_QUEUE = 'ticks';
/** Most subjects of one job that are put in the queue by one look: what bounds it when nobody works. */
const LOOK_SIZE = 500;
/** Between two looks for schedulers that are missing. */
const ASSERT_MS = 1_000;
/** The same while Redis is away, so that little is waited for once it is back. */
const AWAY_MS = 100;
/** Between two looks for days and hours that were missed, beside the tick at their time. */
const MAKE_UP_MS = 10_000;
/** How long an aborted job has for coming to its end. */
const ABORT_GRACE_MS = 500;
/** The share of a pause between two attempts that is left to chance. */
const JITTER = 0.5;

/**
 * Job schedulers in Redis make a tick for every job when its time comes; whichever process takes the tick looks at the
 * database and puts what is due into the job's queue, under an id of its own, so that it is there once, whoever found it
 * due; and whichever process takes it from there works on it. Redis being away delays: nothing is put in and nothing taken
 * out, no call of the service notices, and work goes on by itself when it is back, even if it is back empty: the
 * schedulers are made anew, and the database says what is due.
 */
export function startJobQueues(works: readonly JobWork[], options: JobQueueOptions): JobQueues {
  const { redisUrl, prefix, intervalMs, lockMs, log } = options;
  const aborting = new AbortController();
  // Every job in flight listens to it, with every call that it makes: node would take that many for a leak, and say so.
  setMaxListeners(0, aborting.signal);
  const stopping = new AbortController();
  const report = reportRedis(log, { away: 'Redis is away; jobs wait', back: 'Redis is back; jobs go on' });
  const [producing, consuming] = [new PatientRedis(redisUrl), new PatientRedis(redisUrl)];
  for (const redis of [producing, consuming]) redis.on('error', report.away).on('ready', report.back);
  const parts: QueueParts = { producing, consuming, report, prefix, lockMs, log };
  const queues = openQueues(works, createRunner(works, { ...options, signal: aborting.signal }), parts);
  const looks = new Map(works.map((work) => [work.name, lookOf(work, queues, options, parts)]));
  const ticks: WorkQueue<object> = openWorkQueue<object>(
    TICK_QUEUE,
    works.length,
    ({ name }) => takeTick(name, looks, ticks),
    parts,
  );

  const isReady = (): boolean => producing.status === 'ready' && !stopping.signal.aborted;
  const assert = (): Promise<void> =>
    assertSchedulers(ticks.queue, works, intervalMs, options.clock.machineNow().getTime());
  const keeping = keepScheduled(works, looks, { isReady, assert, log, signal: stopping.signal });
  const stopAll = async (drainMs: number): Promise<void> => {
    stopping.abort();
    const all = [ticks, ...queues.values()];
    const drained = Promise.all(all.map(({ drain }) => drain()));
    await within(drainMs, drained);
    aborting.abort();
    await within(ABORT_GRACE_MS, drained);
    await within(CLOSE_GRACE_MS, Promise.all(all.map(({ close }) => close())));
    report.silence();
    for (const redis of [producing, consuming]) redis.endAll();
    await keeping;
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

/** One queue for each name that works have, as wide as they are together. */
function openQueues(
  works: readonly JobWork[],
  run: Parameters<typeof openWorkQueue<Task>>[2],
  parts: QueueParts,
): ReadonlyMap<string, WorkQueue<Task>> {
  const widths = new Map<string, number>();
  for (const { queue, concurrency } of works) widths.set(queue, (widths.get(queue) ?? 0) + concurrency);
  return new Map([...widths].map(([name, width]) => [name, openWorkQueue<Task>(name, width, run, parts)]));
}

/** Looks at the database for what is due of one job, and puts it into its queue. */
type Look = () => Promise<void>;

function lookOf(
  work: JobWork,
  queues: ReadonlyMap<string, WorkQueue<Task>>,
  { retry, log }: JobQueueOptions,
  { producing }: QueueParts,
): Look {
  const { name } = work;
  const backoff = { type: 'exponential', delay: retry.firstMs, jitter: JITTER };
  const opts = { ...KEEP_NOTHING, attempts: retry.attempts, backoff };
  let isLooking = false;
  let isFailing = false;
  const look = async (): Promise<void> => {
    const due = await work.findDue(LOOK_SIZE);
    if (due.length === 0) return;
    const tasks = due.map(({ id, isDeadLetter }) => {
      return { name, data: { job: name, id, isDeadLetter }, opts: { ...opts, jobId: jobIdOf(name, id) } };
    });
    await queues.get(work.queue)?.queue.addBulk(tasks);
  };
  return async () => {
    // A look that takes longer than the time between two ticks is not joined by another.
    if (isLooking || producing.status !== 'ready') return;
    isLooking = true;
    try {
      await look();
      isFailing = false;
    } catch (error) {
      // One line for a database that is away, not one for each tick.
      if (!isFailing) log.error({ job: name, err: error }, 'it could not be found out what is due; it is tried again');
      isFailing = true;
    } finally {
      isLooking = false;
    }
  };
}

/** The queue's own id of a subject. It takes no colon, and nothing that looks like a number. */
function jobIdOf(job: string, id: string): string {
  return `${job}-${encodeURIComponent(id)}`;
}

/** A tick of a job that this version does not know is of another version: its scheduler goes, which that one makes anew. */
async function takeTick(
  name: string,
  looks: ReadonlyMap<string, Look>,
  { queue }: Pick<WorkQueue<object>, 'queue'>,
): Promise<void> {
  const look = looks.get(name);
  if (look === undefined) await queue.removeJobScheduler(name);
  else await look();
}

/**
 * Makes the schedulers that are missing, as long as the process runs. It looks at every job itself when it begins, and for
 * days and hours that were missed from time to time: their tick may have come while Redis was away, and not come again.
 */
async function keepScheduled(
  works: readonly JobWork[],
  looks: ReadonlyMap<string, Look>,
  parts: {
    readonly isReady: () => boolean;
    readonly assert: () => Promise<void>;
    readonly log: Logger;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { isReady, assert, log, signal } = parts;
  const lookAt = async (some: readonly JobWork[]): Promise<void> => {
    await Promise.all(some.map(async ({ name }) => looks.get(name)?.()));
  };
  let isBegun = false;
  let makeUpMs = 0;
  while (!signal.aborted) {
    try {
      if (isReady()) {
        await assert();
        if (!isBegun) await lookAt(works);
        else if (monotonicMs() >= makeUpMs) await lookAt(works.filter(({ slots }) => slots !== undefined));
        if (!isBegun || monotonicMs() >= makeUpMs) makeUpMs = monotonicMs() + MAKE_UP_MS;
        isBegun = true;
      }
    } catch (error) {
      if (!signal.aborted)
        log.warn({ err: error }, 'the schedulers of the jobs could not be looked at; it is tried again');
    }
    const ms = isReady() ? ASSERT_MS : AWAY_MS;
    await pause(ms, undefined, { signal }).catch(() => undefined);
  }
}
