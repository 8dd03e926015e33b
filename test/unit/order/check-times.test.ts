import { nextCheckTime } from '../../../src/order/check-times';

const NOW = new Date('2026-07-01T04:00:00Z');
const inSeconds = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1_000);

/** R4.2, R4.4: lost callbacks are found by asking, at growing intervals, and an order is closed when its time ends. */
describe('when WeChat Pay is asked about an order', () => {
  const after = (status: 'pending' | 'closing', checkAttempts: number, expireTime = inSeconds(1_800)): number =>
    (nextCheckTime({ status, checkAttempts, expireTime }, NOW).getTime() - NOW.getTime()) / 1_000;

  test('one that can be paid: twice as late each time, and every five minutes in the end', () => {
    expect([0, 1, 2, 3, 4, 5, 60].map((times) => after('pending', times))).toEqual([60, 120, 240, 300, 300, 300, 300]);
  });

  test('one that is being closed: sooner', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 60].map((times) => after('closing', times))).toEqual([
      ...[5, 10, 20, 40, 80, 160, 300, 300],
    ]);
  });

  test('at the end of its time at the latest, and as usual once that is over', () => {
    expect(after('pending', 5, inSeconds(100))).toBe(100);
    expect(after('pending', 0, inSeconds(15))).toBe(15);
    expect(after('pending', 0, NOW)).toBe(60);
    expect(after('closing', 5, inSeconds(100))).toBe(160);
  });
});
