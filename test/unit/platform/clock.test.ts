import { mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileOffsetClock, type Clock } from '../../../src/platform/clock';

const HOUR_MS = 3_600_000;

let dir = '';
let file = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'billing-clock-'));
  file = join(dir, 'clock.json');
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Replaces the file as the command line does. */
function replace(content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}

/** How far the clock is from the machine's, in whole hours. */
/** Whole hours; the clocks are read one after the other, and rounding a millisecond back must not give −0. */
const hoursOff = (clock: Clock): number =>
  Math.round((clock.now().getTime() - clock.machineNow().getTime()) / HOUR_MS) + 0;
const hours = (count: number): string => JSON.stringify({ offsetMs: count * HOUR_MS });

describe('a clock that a file moves', () => {
  test('follows the file on its next look, and is the machine’s without one', () => {
    const clock = fileOffsetClock(file);
    expect(hoursOff(clock)).toBe(0);
    replace(hours(5));
    expect(hoursOff(clock)).toBe(5);
    rmSync(file);
    expect(hoursOff(clock)).toBe(0);
  });

  test('sees another file in its place though it was written at the same instant', () => {
    const clock = fileOffsetClock(file);
    const instant = 1_767_225_600;
    replace(hours(5));
    utimesSync(file, instant, instant);
    expect(hoursOff(clock)).toBe(5);
    const before = statSync(file);
    writeFileSync(`${file}.new`, hours(7));
    utimesSync(`${file}.new`, instant, instant);
    renameSync(`${file}.new`, file);
    expect(statSync(file).mtimeMs).toBe(before.mtimeMs);
    expect(hoursOff(clock)).toBe(7);
  });

  test.each(['', 'garbage', 'null', '[]', '{}', '{"offsetMs":"3600000"}', '{"offsetMs":1.5}', '{"offsetMs":1e300}'])(
    'keeps the last good offset when the file holds %s, and recovers',
    (garbage) => {
      replace(garbage);
      const clock = fileOffsetClock(file);
      expect(hoursOff(clock)).toBe(0);
      replace(hours(5));
      expect(hoursOff(clock)).toBe(5);
      replace(garbage);
      expect(hoursOff(clock)).toBe(5);
      replace(hours(-3));
      expect(hoursOff(clock)).toBe(-3);
    },
  );

  test('keeps the last good offset rather than leave the years 2000 to 9998', () => {
    const clock = fileOffsetClock(file);
    replace(hours(5));
    expect(hoursOff(clock)).toBe(5);
    for (const years of [-100, 9_000]) {
      replace(hours(years * 366 * 24));
      expect(hoursOff(clock)).toBe(5);
    }
  });

  test('keeps the last good offset when a directory takes the place of the file', () => {
    expect(hoursOff(fileOffsetClock(dir))).toBe(0);
  });
});
