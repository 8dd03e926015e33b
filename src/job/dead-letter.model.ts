import { Model } from 'objection';

/** A row of `job_dead_letters`: a subject of a job that failed for the last time. */
export class DeadLetterRow extends Model {
  static override tableName = 'job_dead_letters';

  declare id: string;
  declare job: string;
  /** What the job was to work on; `all` of a sweep, the day or hour of a job that is done once for each. */
  declare subject: string;
  declare state: DeadLetterState;
  /** What went wrong the last time, for people. */
  declare error: string;
  /** How often it was tried in all. */
  declare attempts: number;
  /** When it was first given up, and when the last time. */
  declare firstTime: Date;
  declare lastTime: Date;
  declare resolveTime: Date | null;
}

/** `open`: left alone. `rerun`: somebody has it run again. `resolved`: it succeeded since, for ever. */
export type DeadLetterState = 'open' | 'rerun' | 'resolved';

/** A row of `job_slots`: a day of a daily job, or an hour of an hourly one. */
export class SlotRow extends Model {
  static override tableName = 'job_slots';
  static override idColumn = ['job', 'slot'];

  declare job: string;
  declare slot: string;
  declare attempts: number;
  declare startTime: Date;
  /** Until then nobody else takes it. */
  declare leaseTime: Date;
  declare endTime: Date | null;
}
