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

/** Years 2000 to 9998: instants that the database holds, with room for periods that begin then. */
const MOVED_FIRST_MS = Date.UTC(2000, 0, 1);
const MOVED_END_MS = Date.UTC(9999, 0, 1);

/** Whether a moved clock may show this Unix time in milliseconds. */
export function isMovableTo(epochMs: number): boolean {
  return epochMs >= MOVED_FIRST_MS && epochMs < MOVED_END_MS;
}

/** The stamp of a file that is not there. */
const ABSENT = 'absent';

/** Changes whenever the file is written or another takes its place, even within one tick of the file system's clock. */
function stampOf(path: string): string {
  try {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? ABSENT : `${stat.ino}:${stat.mtimeNs}:${stat.size}`;
  } catch {
    return 'unreadable';
  }
}

/** The offset in a file, or undefined when it holds none that leads to a usable instant. */
function readOffsetMs(path: string): number | undefined {
  try {
    const { offsetMs } = JSON.parse(readFileSync(path, 'utf8')) as { readonly offsetMs?: unknown };
    return Number.isSafeInteger(offsetMs) && isMovableTo(Date.now() + Number(offsetMs)) ? Number(offsetMs) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A clock moved by the offset in a file, for the local stack: `billing dev clock advance` writes the file and every
 * process of the stack (the service, the WeChat Pay simulator) sees the same new time on its next look. Without a file
 * it is the machine's clock; a file that holds no usable offset changes nothing, so the last good one stays.
 */
export function fileOffsetClock(path: string): Clock {
  let stamp = ABSENT;
  let offsetMs = 0;
  const refresh = (): void => {
    const seen = stampOf(path);
    if (seen === stamp) return;
    stamp = seen;
    offsetMs = seen === ABSENT ? 0 : (readOffsetMs(path) ?? offsetMs);
  };
  return {
    now: () => {
      refresh();
      return new Date(Date.now() + offsetMs);
    },
    machineNow: () => new Date(),
  };
}
