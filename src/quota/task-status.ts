/**
 * How an AI task stands, as far as quota needs to know. SUCCEEDED and FAILED are final; RUNNING is asked again; UNKNOWN
 * is asked again, and at last a case for people.
 */
export type TaskState = 'SUCCEEDED' | 'FAILED' | 'RUNNING' | 'UNKNOWN';

/** A task, as a consume or a hold named it. */
export interface TaskKey {
  readonly userId: string;
  readonly taskId: string;
}

/** Most tasks of one question. */
export const TASK_KEYS_MAX = 100;

/** Who knows what became of tasks. */
export interface TaskStatusSource {
  /**
   * How each task stands, in the order asked; at most TASK_KEYS_MAX at once. Throws when nobody answers in time or the
   * answer is not about these tasks: then nothing is known and nothing may be settled.
   */
  ask(tasks: readonly TaskKey[], signal?: AbortSignal): Promise<readonly TaskState[]>;
}
