import { renameSync, writeFileSync } from 'node:fs';
import { fileOffsetClock } from '../platform/clock';
import { readCliEnvironment } from '../platform/config';

/** Moves the local stack's clock: service and WeChat Pay simulator read the same file on every look. */
const CLOCK_FILE = '.local/clock.json';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function clockFile(): string {
  return readCliEnvironment().DEV_CLOCK_FILE ?? CLOCK_FILE;
}

function writeOffset(offsetMs: number): void {
  const path = clockFile();
  writeFileSync(`${path}.new`, `${JSON.stringify({ offsetMs })}\n`);
  renameSync(`${path}.new`, path);
}

/** The local stack's time, and how far it is from the machine's. */
export interface DevClockState {
  readonly now: Date;
  readonly offsetSeconds: number;
}

/** Reads the local stack's clock. */
export function showDevClock(): DevClockState {
  const clock = fileOffsetClock(clockFile());
  const now = clock.now();
  return { now, offsetSeconds: Math.round((now.getTime() - clock.machineNow().getTime()) / 1_000) };
}

/** Sets the local stack's clock to an instant, ISO 8601. */
export function setDevClock(instant: string): DevClockState {
  const wantedMs = Date.parse(instant);
  if (Number.isNaN(wantedMs)) throw new Error(`not an instant: ${instant}; write it like 2026-03-01T00:00:00+08:00`);
  const clock = fileOffsetClock(clockFile());
  writeOffset(wantedMs - clock.machineNow().getTime());
  return showDevClock();
}

/** Moves the local stack's clock by a duration such as 90s, 15m, 2h, 31d; negative goes back. */
export function advanceDevClock(duration: string): DevClockState {
  const match = /^(-?\d+)([smhd])$/.exec(duration);
  const unitMs = UNIT_MS[match?.[2] ?? ''];
  if (match === null || unitMs === undefined)
    throw new Error(`not a duration: ${duration}; write it like 90s, 15m, 2h, 31d`);
  const clock = fileOffsetClock(clockFile());
  const offsetMs = clock.now().getTime() - clock.machineNow().getTime();
  writeOffset(offsetMs + Number(match[1]) * unitMs);
  return showDevClock();
}
