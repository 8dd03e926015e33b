import type { JobSchedulerJson, Queue, RepeatOptions } from 'bullmq';
import { BUSINESS_TIME_ZONE } from '../time';
import type { SlotSchedule } from './job-entry';
import { KEEP_NOTHING } from './work-queue';

/**
 * The schedulers in Redis, one for each job, which make the ticks that any worker may take. They are made by whoever finds
 * one missing: Redis may have been emptied. One that is there is left alone, or every process that looks would begin its
 * time anew.
 */

/** A scheduler whose next tick is overdue by so much has lost it, as when a process died between taking one and making the next. */
const LOST_AFTER_MS = 5_000;

/** When a job's ticks come. */
export interface Ticking {
  readonly name: string;
  /** The time of the day or the hour; undefined: every so many milliseconds. */
  readonly slots?: SlotSchedule;
}

function repeatOf({ slots }: Ticking, everyMs: number): RepeatOptions {
  if (slots === undefined) return { every: everyMs };
  const hour = 'hour' in slots ? String(slots.hour) : '*';
  return { pattern: `${slots.minute} ${hour} * * *`, tz: BUSINESS_TIME_ZONE };
}

function isAsWanted({ every, pattern, tz, next }: JobSchedulerJson, wanted: RepeatOptions, nowMs: number): boolean {
  const isSame =
    wanted.every === undefined ? pattern === wanted.pattern && tz === wanted.tz : Number(every) === wanted.every;
  return isSame && next !== undefined && next + LOST_AFTER_MS > nowMs;
}

/** Makes the schedulers that are missing, changed or stuck. `nowMs` is the machine's time, by which BullMQ goes. */
export async function assertSchedulers(
  queue: Queue,
  jobs: readonly Ticking[],
  everyMs: number,
  nowMs: number,
): Promise<void> {
  const found = await queue.getJobSchedulers();
  const known = new Map(found.map((scheduler) => [scheduler.key, scheduler]));
  for (const job of jobs) {
    const { name } = job;
    const wanted = repeatOf(job, everyMs);
    const scheduler = known.get(name);
    if (scheduler !== undefined && isAsWanted(scheduler, wanted, nowMs)) continue;
    await queue.upsertJobScheduler(name, wanted, { name, data: {}, opts: KEEP_NOTHING });
  }
}
