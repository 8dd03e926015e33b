/**
 * Work that the database says is due, one subject at a time, and that may take long: it calls others. The queue only spreads
 * it over processes and remembers nothing that the database does not say again. Running it twice, or twice at once, must be
 * harmless: a process may die, or lose its Redis, in the middle of it.
 */
export interface QueuedJob {
  /** Letters, digits and hyphens: names the queue. */
  readonly name: string;
  /** How many subjects one process works on at the same time. */
  readonly concurrency: number;
  /** Ids of what is due now, what waited longest first, at most `most` of them. */
  readonly findDue: (most: number) => Promise<readonly string[]>;
  /**
   * Does what is due for one subject, if it still is. Aborted when the process has no time left: then it ends soon, in any
   * way. One that throws is logged, and due again when the database says so.
   */
  readonly run: (id: string, signal: AbortSignal) => Promise<void>;
}
