/** What jobs remember, all of it in the database: Redis may be emptied at any moment. Implemented by src/job. */

/** How a dead letter stands while it is not resolved: nobody has had it run again, or somebody has. */
export type UnresolvedState = 'open' | 'rerun';

/** Subjects that failed for good. */
export interface DeadLetters {
  /** The subjects of a job whose letters are not resolved, at most `most` of them, the oldest first. */
  unresolved(job: string, most: number): Promise<ReadonlyMap<string, UnresolvedState>>;
  /** A subject failed for the last time: opens its letter, or the same one again. */
  bury(letter: {
    readonly job: string;
    readonly subject: string;
    /** What went wrong, for people. */
    readonly error: string;
    /** How often it was tried since it was last run anew. */
    readonly attempts: number;
  }): Promise<void>;
  /** A subject succeeded, or, without one, the whole job: what was not resolved is. */
  resolve(job: string, subject?: string): Promise<void>;
}

/** Days and hours of jobs that are done once for each: a slot has effect once, whoever finds that it is due. */
export interface JobSlots {
  /** Whether a slot is still to be done and nobody is at it. */
  isFree(job: string, slot: string): Promise<boolean>;
  /** Takes a slot for some minutes, if it is free: false when somebody else was faster. */
  take(job: string, slot: string): Promise<boolean>;
  /** Keeps a slot that was taken for some minutes more. */
  hold(job: string, slot: string): Promise<void>;
  /** Gives a slot back undone. */
  giveBack(job: string, slot: string): Promise<void>;
  /** The slot is done, for ever. */
  end(job: string, slot: string): Promise<void>;
}
