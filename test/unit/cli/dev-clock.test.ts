import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { billing, type Ended } from '../../support/command';

const DAY_SECONDS = 86_400;

let dir = '';
let file = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'billing-clock-'));
  file = join(dir, 'clock.json');
});
afterEach(() => rmSync(dir, { recursive: true }));

const devClock = (...words: string[]): Ended => billing(['--json', 'dev', 'clock', ...words], { DEV_CLOCK_FILE: file });
const offsetOf = ({ stdout }: Ended): number => (JSON.parse(stdout) as { offset_seconds: number }).offset_seconds;

describe('`billing dev clock` moves the local stack', () => {
  test('forward, and back by a negative duration without any escape', () => {
    expect(offsetOf(devClock('advance', '31d'))).toBe(31 * DAY_SECONDS);
    expect(offsetOf(devClock('advance', '-40d'))).toBe(-9 * DAY_SECONDS);
    expect(offsetOf(devClock('show'))).toBe(-9 * DAY_SECONDS);
  });

  test('on from the machine’s time when the file holds garbage', () => {
    writeFileSync(file, 'garbage');
    expect(offsetOf(devClock('show'))).toBe(0);
    expect(offsetOf(devClock('advance', '1h'))).toBe(3_600);
  });
});

describe('`billing dev clock` refuses, says why, and changes nothing', () => {
  test.each([
    ['advance', '99999999999999999d', /years 2000 to 9998/],
    ['advance', '-99999999999999999d', /years 2000 to 9998/],
    ['advance', `${'9'.repeat(400)}d`, /years 2000 to 9998/],
    ['advance', '40', /Write a duration like/],
    ['advance', '--weeks', /Write a duration like/],
    ['set', '1999-12-31T23:59:59Z', /years 2000 to 9998/],
    ['set', '9999-01-01T00:00:00Z', /years 2000 to 9998/],
    ['set', 'tomorrow', /Write an instant like/],
  ])('%s %s', (command, word, why) => {
    const before = JSON.stringify({ offsetMs: 7_200_000 });
    writeFileSync(file, before);
    const { code, stdout, stderr } = devClock(command, word);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(JSON.parse(stderr)).toEqual({
      code: 'INVALID_ARGUMENT',
      reason: null,
      message: expect.stringMatching(why),
      metadata: {},
    });
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(existsSync(`${file}.new`)).toBe(false);
  });
});
