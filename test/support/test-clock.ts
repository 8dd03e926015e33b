import type { Clock } from '../../src/platform/clock';

/** A clock that tests move. It runs with the machine's, shifted by what was advanced, until it is stopped at an instant. */
export class TestClock implements Clock {
  private offsetMs = 0;
  private stoppedMs: number | undefined;

  now(): Date {
    return new Date((this.stoppedMs ?? Date.now()) + this.offsetMs);
  }

  machineNow(): Date {
    return new Date();
  }

  advanceMs(ms: number): void {
    this.offsetMs += ms;
  }

  /** Stands still at an instant from now on: for what must hold at the very instant. */
  stopAt(instant: Date): void {
    this.stoppedMs = instant.getTime() - this.offsetMs;
  }
}
