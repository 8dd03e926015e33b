/**
 * A per-subject job: work that the database says is due, one subject at a time, and that may take long: it may call others.
 * The queue only spreads it over processes and remembers nothing that the database does not say again. Running it twice, or
 * twice at once, must be harmless: a process may die, or lose its Redis, in the middle of it.
 *
 * A subject whose runs fail is run again with growing pauses; after the last attempt it becomes a dead letter, which people
 * see (`billing jobs dead`), and is left alone, whatever `findDue` says, until somebody has it run again.
 */
export interface QueuedJob {
  /** Letters, digits and hyphens: names the queue, and the job in the list of jobs. */
  readonly name: string;
  /** How many subjects one process works on at the same time. */
  readonly concurrency: number;
  /** Ids of what is due now, what waited longest first, at most `most` of them. An id has 1 to 160 ASCII characters. */
  readonly findDue: (most: number) => Promise<readonly string[]>;
  /** Since when what waited longest is due, undefined when nothing is: a gauge. Left out: not measured. */
  readonly oldestDue?: () => Promise<Date | undefined>;
  /**
   * Does what is due for one subject, if it still is: it may be called for one that is not. Aborted when the process has no
   * time left: then it ends soon, in any way. One that throws must leave its subject due, or the next attempt does nothing.
   */
  readonly run: (id: string, signal: AbortSignal) => Promise<void>;
}
