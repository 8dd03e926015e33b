import { renameSync, writeFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { fileOffsetClock, isMovableTo } from '../platform/clock';
import { readCliEnvironment } from '../platform/config';

/** Moves the local stack's clock: service and WeChat Pay simulator read the same file on every look. */
const CLOCK_FILE = '.local/clock.json';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function clockFile(): string {
  return readCliEnvironment().DEV_CLOCK_FILE ?? CLOCK_FILE;
}

/** Moves the clock to a Unix time in milliseconds, or refuses and changes nothing. */
function moveTo(epochMs: number, machineMs: number): DevClockState {
  if (!isMovableTo(epochMs))
    throw new InvalidArgumentError('the clock can only be moved within the years 2000 to 9998');
  const path = clockFile();
  const offsetMs = epochMs - machineMs;
  writeFileSync(`${path}.new`, `${JSON.stringify({ offsetMs })}\n`);
  renameSync(`${path}.new`, path);
  return showDevClock();
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

/** Reads an instant, ISO 8601, as Unix time in milliseconds. */
export function parseInstantMs(instant: string): number {
  const epochMs = Date.parse(instant);
  if (!Number.isNaN(epochMs)) return epochMs;
  throw new InvalidArgumentError('Write an instant like 2026-03-01T00:00:00+08:00.');
}

/** Reads a duration such as 90s, 15m, 2h, 31d, in milliseconds; negative is back. */
export function parseDurationMs(duration: string): number {
  const match = /^(-?\d+)([smhd])$/.exec(duration);
  const unitMs = UNIT_MS[match?.[2] ?? ''];
  if (match !== null && unitMs !== undefined) return Number(match[1]) * unitMs;
  throw new InvalidArgumentError('Write a duration like 90s, 15m, 2h, 31d, or -31d to go back.');
}

/** Sets the local stack's clock to a Unix time in milliseconds. */
export function setDevClock(epochMs: number): DevClockState {
  return moveTo(epochMs, fileOffsetClock(clockFile()).machineNow().getTime());
}

/** Moves the local stack's clock by a duration in milliseconds; negative goes back. */
export function advanceDevClock(durationMs: number): DevClockState {
  const clock = fileOffsetClock(clockFile());
  return moveTo(clock.now().getTime() + durationMs, clock.machineNow().getTime());
}
