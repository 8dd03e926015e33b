import { walkLog } from '../../../src/backup/log-events';

const FORMAT = 15;
const GTID = 162;
const ROWS = 23;

/** An event of the binary log with a body of zeros. */
function event(type: number, seconds: number, bodyBytes: number): Buffer {
  const bytes = Buffer.alloc(19 + bodyBytes);
  bytes.writeUInt32LE(seconds, 0);
  bytes.writeUInt8(type, 4);
  bytes.writeUInt32LE(bytes.length, 9);
  return bytes;
}

/** A log file with a transaction at each of these seconds; and where each of them begins. */
function logOf(secondsOfTransactions: readonly number[]): {
  readonly bytes: Buffer;
  readonly starts: readonly number[];
} {
  const parts = [Buffer.from('fe62696e', 'hex'), event(FORMAT, 1, 80)];
  const starts: number[] = [];
  for (const seconds of secondsOfTransactions) {
    starts.push(parts.reduce((sum, { length }) => sum + length, 0));
    parts.push(event(GTID, seconds, 20), event(ROWS, seconds, 300), event(16, seconds, 8));
  }
  return { bytes: Buffer.concat(parts), starts };
}

/** Issue 7, must show 4: what was cut off on its way is left out, and a moment is cut between transactions. */
describe('a walk through a log file', () => {
  const { bytes, starts } = logOf([100, 101, 103]);

  test('finds the end of the last whole event, wherever the file was cut off and however it arrives', () => {
    for (let length = 0; length <= bytes.length; length += 7) {
      for (const partBytes of [1, 19, 50, 10_000]) {
        const walk = walkLog('log.000001');
        for (let start = 0; start < length; start += partBytes) {
          walk.push(bytes.subarray(start, Math.min(length, start + partBytes)));
        }
        const whole = eventEnds().filter((end) => end <= length);
        expect(walk.wholeEnd).toBe(whole.at(-1) ?? 0);
      }
    }
  });

  function eventEnds(): readonly number[] {
    const ends = [4];
    for (let next = 4; next < bytes.length; ends.push(next)) next += bytes.readUInt32LE(next + 9);
    return ends;
  }

  test('finds where the first transaction begins that is too late', () => {
    const untilOf = (seconds: number): number | undefined => {
      const walk = walkLog('log.000001', 0, seconds);
      walk.push(bytes);
      return walk.unwantedStart;
    };
    expect([99, 100, 101, 102, 103, 104].map(untilOf)).toEqual([
      starts[0],
      starts[0],
      starts[1],
      starts[2],
      starts[2],
      undefined,
    ]);
  });

  test('leaves what is before its beginning alone, and tells whether that is one', () => {
    const walk = walkLog('log.000001', starts[1], 101);
    walk.push(bytes);
    expect([walk.hasStart, walk.unwantedStart]).toEqual([true, starts[1]]);
    const within = walkLog('log.000001', (starts[1] ?? 0) + 1);
    within.push(bytes);
    expect(within.hasStart).toBe(false);
    const atEnd = walkLog('log.000001', bytes.length);
    atEnd.push(bytes);
    expect(atEnd.hasStart).toBe(true);
  });

  test('tells the times of what is wanted', () => {
    const walk = walkLog('log.000001', 0, 103);
    walk.push(bytes);
    expect([walk.firstSeconds, walk.lastSeconds]).toEqual([100, 101]);
  });

  test('refuses what is no log', () => {
    expect(() => walkLog('x').push(Buffer.alloc(100))).toThrow('x is no binary log');
    const broken = Buffer.concat([bytes, Buffer.alloc(19)]);
    expect(() => walkLog('x').push(broken)).toThrow(`x is no binary log at ${bytes.length}`);
  });
});
