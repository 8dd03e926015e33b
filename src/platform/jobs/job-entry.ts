/**
 * One row of the list of jobs, as data: what a person reads about a job, and when it is due. The list itself is
 * composition/job-list.ts.
 */
export interface JobEntry {
  /** Letters, digits and hyphens. */
  readonly name: string;
  readonly kind: JobKind;
  readonly schedule: JobSchedule;
  /** What it does and why, for people. */
  readonly meaning: { readonly en: string; readonly zh: string };
}

/**
 * `subject`: one subject at a time, each retried and buried by itself. `sweep`: everything that is due, as one. `daily`,
 * `hourly`: once for each day, each hour. `process`: by every worker process for itself, because what it makes is its own (its gauges). `leased`:
 * all the time, by the one worker process that holds its lease in the database.
 */
export type JobKind = 'subject' | 'sweep' | 'daily' | 'hourly' | 'process' | 'leased';

/** When a job is looked at: at every poll (WORKER_POLL_INTERVAL_MS), all the time, or at a time of the day or the hour. */
export type JobSchedule = 'poll' | 'always' | SlotSchedule;

/** When the slots of a job begin, each of which is done once. */
export type SlotSchedule = DailySchedule | HourlySchedule;

/** A time of day in Shanghai, 24 hours. */
export interface DailySchedule {
  readonly hour: number;
  readonly minute: number;
}

/** A minute of every hour. */
export interface HourlySchedule {
  readonly minute: number;
}

/** A schedule as people read it. */
export function scheduleText(schedule: JobSchedule): string {
  if (schedule === 'poll') return 'every WORKER_POLL_INTERVAL_MS';
  if (schedule === 'always') return 'all the time';
  const pad = (part: number): string => String(part).padStart(2, '0');
  if (!('hour' in schedule)) return `hourly at minute ${pad(schedule.minute)}`;
  return `daily at ${pad(schedule.hour)}:${pad(schedule.minute)} Asia/Shanghai`;
}
