import type { Gauge } from 'prom-client';
import { platformErrors } from '../errors';

/**
 * Counts the billing calls whose handlers have not ended. It is the one gate of overload and shutdown: past the limit
 * calls are refused at once rather than queued, and once draining no new one begins.
 */
export class InflightGate {
  private count = 0;
  private draining = false;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly countMax: number,
    private readonly gauge: Pick<Gauge, 'set'>,
  ) {}

  /** Lets a call in and returns what to run once when its handler has ended. Throws SHUTTING_DOWN or OVERLOADED. */
  enter(): () => void {
    if (this.draining) throw platformErrors.SHUTTING_DOWN();
    if (this.count >= this.countMax) throw platformErrors.OVERLOADED();
    this.gauge.set(++this.count);
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      this.leave();
    };
  }

  /** From now on enter() throws SHUTTING_DOWN. */
  beginDrain(): void {
    this.draining = true;
  }

  /** Resolves true when no call is left, false when some still are after `timeoutMs`. */
  async drained(timeoutMs: number): Promise<boolean> {
    if (this.count === 0) return true;
    return new Promise((resolve) => {
      const settle = (isEmpty: boolean): void => {
        clearTimeout(timer);
        this.waiting.delete(onEmpty);
        resolve(isEmpty);
      };
      const onEmpty = (): void => settle(true);
      const timer = setTimeout(() => settle(false), timeoutMs);
      this.waiting.add(onEmpty);
    });
  }

  private leave(): void {
    this.gauge.set(--this.count);
    if (this.count > 0) return;
    for (const onEmpty of this.waiting) onEmpty();
  }
}
