import { statSync, readFileSync } from 'node:fs';

/**
 * Where "now" comes from. The only file that reads the machine's clock, so that a test or the local stack can move it.
 * Use cases get `now` as an argument; only adapters and jobs hold a Clock.
 */
export interface Clock {
  /** The instant the service believes it is. */
  now(): Date;
  /** The machine's own clock, for comparing it with the database's; the same as now() unless moved for development. */
  machineNow(): Date;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  machineNow: () => new Date(),
};

/** Milliseconds that only grow: for measuring durations, never for instants. */
export function monotonicMs(): number {
  return performance.now();
}

/** Shape of the file that moves the local stack's clock. */
interface ClockOffsetFile {
  readonly offsetMs: number;
}

/**
 * A clock moved by the offset in a file, for the local stack: `billing dev clock advance` writes the file and every
 * process of the stack (the service, the WeChat Pay simulator) sees the same new time on its next look.
 */
export function fileOffsetClock(path: string): Clock {
  let modifiedMs = -1;
  let offsetMs = 0;
  const refresh = (): void => {
    const stat = statSync(path, { throwIfNoEntry: false });
    const seenMs = stat === undefined ? 0 : stat.mtimeMs;
    if (seenMs === modifiedMs) return;
    offsetMs = stat === undefined ? 0 : (JSON.parse(readFileSync(path, 'utf8')) as ClockOffsetFile).offsetMs;
    modifiedMs = seenMs;
  };
  return {
    now: () => {
      refresh();
      return new Date(Date.now() + offsetMs);
    },
    machineNow: () => new Date(),
  };
}
