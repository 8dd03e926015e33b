/** Calls that are held back before they have any effect, until their time is up or they are let go. */
export class Holding {
  private readonly releases = new Set<() => void>();
  private isClosed = false;

  /** How many are held now. */
  get count(): number {
    return this.releases.size;
  }

  hold(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const release = (): void => {
        clearTimeout(timer);
        this.releases.delete(release);
        if (!this.isClosed) resolve();
      };
      const timer = setTimeout(release, delayMs);
      timer.unref();
      this.releases.add(release);
    });
  }

  /** Lets all go on. */
  release(): void {
    for (const release of [...this.releases]) release();
  }

  /** Forgets all: what was held never happens. */
  close(): void {
    this.isClosed = true;
    this.releases.clear();
  }
}
