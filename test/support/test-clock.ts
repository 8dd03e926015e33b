import type { Clock } from '../../src/platform/clock';

/** A clock that tests move. It runs with the machine's, shifted by what was advanced. */
export class TestClock implements Clock {
  private offsetMs = 0;

  now(): Date {
    return new Date(Date.now() + this.offsetMs);
  }

  machineNow(): Date {
    return new Date();
  }

  advanceMs(ms: number): void {
    this.offsetMs += ms;
  }
}
