/**
 * One command of a user at a time in this process; the others wait in memory, in the order they came. So a busy user
 * holds one connection instead of all of them, and nobody queues for a row lock against himself.
 */
export class Turns {
  private readonly lastByUser = new Map<string, Promise<void>>();

  /** Runs work when the user's earlier work has ended, however that ended. */
  async take<Result>(userId: string, work: () => Promise<Result>): Promise<Result> {
    const earlier = this.lastByUser.get(userId) ?? Promise.resolve();
    let end = (): void => undefined;
    const own = new Promise<void>((resolve) => {
      end = resolve;
    });
    const last = earlier.then(() => own);
    this.lastByUser.set(userId, last);
    try {
      await earlier;
      return await work();
    } finally {
      end();
      if (this.lastByUser.get(userId) === last) this.lastByUser.delete(userId);
    }
  }
}
