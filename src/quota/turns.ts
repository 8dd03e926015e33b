import { platformErrors } from '../platform/errors';

/** More waiting commands of one user than this are refused: one user must not fill the whole process. */
const WAITING_MAX = 1_000;

/** Resolves when a caller is gone. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * One command of a user at a time in this process; the others wait in memory, in the order they came. So a busy user
 * holds one connection instead of all of them, and nobody queues for a row lock against himself. Whoever is gone leaves
 * the queue at once; too long a queue refuses newcomers with OVERLOADED.
 */
export class Turns {
  private readonly queues = new Map<string, { last: Promise<void>; length: number }>();

  /** Runs work when the user's earlier work has ended, however that ended. Throws the signal's reason when it aborts first. */
  async take<Result>(userId: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const queue = this.queues.get(userId) ?? { last: Promise.resolve(), length: 0 };
    if (queue.length >= WAITING_MAX) throw platformErrors.OVERLOADED({ metadata: { user_id: userId } });
    const earlier = queue.last;
    let end = (): void => undefined;
    const own = new Promise<void>((resolve) => {
      end = resolve;
    });
    queue.last = earlier.then(() => own);
    queue.length += 1;
    this.queues.set(userId, queue);
    try {
      await Promise.race([earlier, aborted(signal)]);
      signal.throwIfAborted();
      return await work();
    } finally {
      end();
      queue.length -= 1;
      if (queue.length === 0) this.queues.delete(userId);
    }
  }
}
