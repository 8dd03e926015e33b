import { dueOf, firstChanceAfter, milestonesOf } from '../../../src/membership/milestones';

const DAYS = [7, 3, 1];
const kindsOf = (expireTime: string, days: readonly number[] = DAYS): readonly string[] =>
  milestonesOf(new Date(expireTime), days).map(({ kind, time }) => `${kind} ${time.toISOString()}`);

/** R8.4: reminders by the calendar of Shanghai. */
describe('the milestones of a membership', () => {
  test('are at 10:00 in Shanghai so many days before the day of its end, and at its end', () => {
    expect(kindsOf('2026-03-31T04:00:00Z')).toEqual([
      'expiring:7 2026-03-24T02:00:00.000Z',
      'expiring:3 2026-03-28T02:00:00.000Z',
      'expiring:1 2026-03-30T02:00:00.000Z',
      'expired 2026-03-31T04:00:00.000Z',
    ]);
  });

  test('count days of Shanghai: an end at midnight there is on the new day, a millisecond sooner on the old', () => {
    expect(kindsOf('2026-02-28T16:00:00.000Z', [1])[0]).toBe('expiring:1 2026-02-28T02:00:00.000Z');
    expect(kindsOf('2026-02-28T15:59:59.999Z', [1])[0]).toBe('expiring:1 2026-02-27T02:00:00.000Z');
    expect(kindsOf('2028-03-01T04:00:00Z', [1])[0]).toBe('expiring:1 2028-02-29T02:00:00.000Z');
  });
});

test('nothing of them can be due before the next 10:00 in Shanghai after a change, or the end itself', () => {
  const end = new Date('2026-03-31T04:00:00Z');
  const chance = (after: string): string => firstChanceAfter(new Date(after), end).toISOString();
  expect(chance('2026-03-24T01:59:59.999Z')).toBe('2026-03-24T02:00:00.000Z');
  expect(chance('2026-03-24T02:00:00.000Z')).toBe('2026-03-25T02:00:00.000Z');
  // After midnight in Shanghai it is the same day there as at ten.
  expect(chance('2026-03-24T16:00:00.000Z')).toBe('2026-03-25T02:00:00.000Z');
  expect(chance('2026-03-31T02:00:00.000Z')).toBe(end.toISOString());
});

describe('what is due of them', () => {
  const milestones = milestonesOf(new Date('2026-03-31T04:00:00Z'), DAYS);
  const due = (after: string, now: string): readonly (string | undefined)[] => {
    const found = dueOf(milestones, new Date(after), new Date(now));
    return [found.due?.kind, found.next?.kind];
  };

  test('comes exactly at its time', () => {
    expect(due('2026-03-01T00:00:00Z', '2026-03-24T01:59:59.999Z')).toEqual([undefined, 'expiring:7']);
    expect(due('2026-03-01T00:00:00Z', '2026-03-24T02:00:00Z')).toEqual(['expiring:7', 'expiring:3']);
    expect(due('2026-03-30T03:00:00Z', '2026-03-31T04:00:00Z')).toEqual(['expired', undefined]);
  });

  test('is the last where several have come: the others are stale', () => {
    expect(due('2026-03-01T00:00:00Z', '2026-03-29T00:00:00Z')).toEqual(['expiring:3', 'expiring:1']);
    expect(due('2026-03-01T00:00:00Z', '2026-06-01T00:00:00Z')).toEqual(['expired', undefined]);
  });

  test('is nothing of before the membership changed: whoever buys on the last day is not told of the day before', () => {
    expect(due('2026-03-30T03:00:00Z', '2026-03-30T04:00:00Z')).toEqual([undefined, 'expired']);
    // At the very time of one, it is past.
    expect(due('2026-03-30T02:00:00Z', '2026-03-30T02:00:00Z')).toEqual([undefined, 'expired']);
  });
});
