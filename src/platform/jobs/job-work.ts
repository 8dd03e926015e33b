import type { Clock } from '../clock';
import { latestHour, latestSlot } from '../time';
import { runTurn, type SlotJob, type SweepJob } from './batch-job';
import type { SlotSchedule } from './job-entry';
import type { DeadLetters, JobSlots } from './job-storage';
import type { QueuedJob } from './queued-job';

/** Every kind of job as the queues see it: what is due has ids, and one id is worked on at a time. */
export interface JobWork {
  readonly name: string;
  /** The queue that spreads its work: as wide as the jobs that share it. */
  readonly queue: string;
  /** How many of its ids one process works on at the same time. */
  readonly concurrency: number;
  /** The time of the day or the hour when it is looked at; undefined: at every poll. */
  readonly slots?: SlotSchedule;
  /** What is to be worked on now, at most `most` ids. */
  readonly findDue: (most: number) => Promise<readonly DueWork[]>;
  readonly run: (id: string, signal: AbortSignal) => Promise<void>;
  /** Whether one success resolves all dead letters of the job, or those of its subject. */
  readonly resolvesAll: boolean;
}

/** One thing to work on. */
export interface DueWork {
  readonly id: string;
  /** Whether a dead letter is resolved by its success. */
  readonly isDeadLetter: boolean;
}

/** The queue of what is not divided into subjects. */
const BATCH_QUEUE = 'batches';
/** The one subject of a sweep. */
const WHOLE = 'all';
/** Most unresolved dead letters of one job that a look leaves out; beyond them, the newest are tried again in vain. */
const DEAD_LETTERS_MAX = 5_000;

/**
 * A per-subject job: what the database says is due, without what is buried, and what people want to run again, whether
 * it is still due or not.
 */
export function subjectWork(job: QueuedJob, letters: DeadLetters): JobWork {
  const { name, concurrency, run } = job;
  return {
    name,
    queue: name,
    concurrency,
    findDue: async (most) => {
      let due = await job.findDue(most);
      // Read after what is due: one that is buried meanwhile is left out.
      const unresolved = await letters.unresolved(name, DEAD_LETTERS_MAX);
      const isHidden = due.length >= most && unresolved.size > 0;
      if (isHidden) due = await job.findDue(most + unresolved.size);
      const again = [...unresolved].filter(([, state]) => state === 'rerun').map(([id]) => id);
      const fresh = due.filter((id) => !unresolved.has(id)).slice(0, most);
      return [...again.map((id) => ({ id, isDeadLetter: true })), ...fresh.map((id) => ({ id, isDeadLetter: false }))];
    },
    run,
    resolvesAll: false,
  };
}

/** A sweep: always due, at most once at a time among all processes. */
export function sweepWork(job: SweepJob, letters: DeadLetters): JobWork {
  const { name } = job;
  return {
    name,
    queue: BATCH_QUEUE,
    concurrency: 1,
    findDue: async () => [{ id: WHOLE, isDeadLetter: (await letters.unresolved(name, 1)).size > 0 }],
    run: async (_id, signal) => {
      await runTurn(job, signal);
    },
    resolvesAll: true,
  };
}

/** The last day or hour that has begun for a job. */
function latestSlotOf(schedule: SlotSchedule, now: Date): string {
  return 'hour' in schedule ? latestSlot(now, schedule) : latestHour(now, schedule.minute);
}

/** A daily or hourly job: the last slot that has begun for it, if that is not done. Those before it would do the same. */
export function slotWork(
  job: SlotJob,
  schedule: SlotSchedule,
  stores: { readonly letters: DeadLetters; readonly slots: JobSlots; readonly clock: Pick<Clock, 'now'> },
): JobWork {
  const { name } = job;
  const { letters, slots, clock } = stores;
  return {
    name,
    queue: BATCH_QUEUE,
    concurrency: 1,
    slots: schedule,
    findDue: async () => {
      const unresolved = await letters.unresolved(name, DEAD_LETTERS_MAX);
      const again = [...unresolved].filter(([, state]) => state === 'rerun').map(([slot]) => slot);
      const slot = latestSlotOf(schedule, clock.now());
      const isDue = !unresolved.has(slot) && (await slots.isFree(name, slot));
      const due = [...again, ...(isDue ? [slot] : [])];
      return due.map((id) => ({ id, isDeadLetter: unresolved.size > 0 }));
    },
    run: (slot, signal) => runSlot(job, slot, slots, signal),
    resolvesAll: true,
  };
}

/** Does the work of a day or an hour under its slot, which one process has at a time, and which comes to its end once. */
async function runSlot(job: SlotJob, slot: string, slots: JobSlots, signal: AbortSignal): Promise<void> {
  const { name } = job;
  if (!(await slots.take(name, slot))) return;
  const batches = { ...job, run: (stop: AbortSignal) => job.run(stop, slot) };
  try {
    while ((await runTurn(batches, signal)).isFull && !signal.aborted) await slots.hold(name, slot);
    if (signal.aborted) await slots.giveBack(name, slot);
    else await slots.end(name, slot);
  } catch (error) {
    await slots.giveBack(name, slot);
    throw error;
  }
}
