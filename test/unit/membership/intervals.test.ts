import {
  dueParts,
  grantTimeAfter,
  intervalsIn,
  unitsNotGiven,
  type GivingPeriod,
} from '../../../src/membership/intervals';
import { nextPeriod } from '../../../src/membership/period';
import type { PeriodUnit } from '../../../src/platform/time';

/** An instant as a clock in Shanghai shows it. */
const shanghai = (instant: Date): string =>
  instant.toLocaleString('sv-SE', { timeZone: 'Asia/Shanghai', hour12: false }).slice(0, 16);

interface Terms {
  readonly start: string;
  readonly quotaUnits: number;
  readonly periodUnit?: PeriodUnit;
  readonly periodCount?: number;
  readonly grantUnit?: PeriodUnit | null;
  readonly grantCount?: number | null;
}

/** A period that has just begun: a year that gives every month, if not told otherwise. */
function periodOf(terms: Terms, changes: Partial<GivingPeriod> = {}): GivingPeriod {
  const { start, quotaUnits, periodUnit = 'year', periodCount = 1 } = terms;
  const { grantUnit = 'month', grantCount = 1 } = terms;
  const bounds = nextPeriod(undefined, periodUnit, periodCount, new Date(start));
  const intervals = intervalsIn({ periodUnit, periodCount, grantUnit, grantCount });
  return {
    ...bounds,
    ...{ quotaUnits, grantUnit, grantCount, intervals, grantedIntervals: 0, nextGrantTime: bounds.startTime },
    ...{ revokeTime: null, replacedByOrderId: null, revokeUnits: 0 },
    ...changes,
  };
}

/** Every interval of a period with its start, end and units. */
function schedule(period: GivingPeriod): readonly string[] {
  const { parts } = dueParts(period, new Date(period.endTime.getTime() - 1));
  return parts.map(({ interval, units, expireTime }) => {
    const start = grantTimeAfter(period, interval - 1);
    return `${interval}: ${start === null ? 'never' : shanghai(start)} to ${shanghai(expireTime)} ${units}`;
  });
}

/** R2.2, lessons 29, 50. */
describe('the intervals of a period', () => {
  test('of a year from 31 January are cut at month ends, from the anchor, never from the one before', () => {
    expect(schedule(periodOf({ start: '2026-01-31T04:00:00Z', quotaUnits: 1_200 }))).toEqual([
      '1: 2026-01-31 12:00 to 2026-02-28 12:00 100',
      '2: 2026-02-28 12:00 to 2026-03-31 12:00 100',
      '3: 2026-03-31 12:00 to 2026-04-30 12:00 100',
      '4: 2026-04-30 12:00 to 2026-05-31 12:00 100',
      '5: 2026-05-31 12:00 to 2026-06-30 12:00 100',
      '6: 2026-06-30 12:00 to 2026-07-31 12:00 100',
      '7: 2026-07-31 12:00 to 2026-08-31 12:00 100',
      '8: 2026-08-31 12:00 to 2026-09-30 12:00 100',
      '9: 2026-09-30 12:00 to 2026-10-31 12:00 100',
      '10: 2026-10-31 12:00 to 2026-11-30 12:00 100',
      '11: 2026-11-30 12:00 to 2026-12-31 12:00 100',
      '12: 2026-12-31 12:00 to 2027-01-31 12:00 100',
    ]);
  });

  test('of a year over a leap day: 30 January gives on 29 February, 29 February ends on the 28th a year on', () => {
    expect(schedule(periodOf({ start: '2028-01-30T04:00:00Z', quotaUnits: 12 })).slice(0, 3)).toEqual([
      '1: 2028-01-30 12:00 to 2028-02-29 12:00 1',
      '2: 2028-02-29 12:00 to 2028-03-30 12:00 1',
      '3: 2028-03-30 12:00 to 2028-04-30 12:00 1',
    ]);
    expect(schedule(periodOf({ start: '2028-02-29T04:00:00Z', quotaUnits: 12 })).slice(-2)).toEqual([
      '11: 2028-12-29 12:00 to 2029-01-29 12:00 1',
      '12: 2029-01-29 12:00 to 2029-02-28 12:00 1',
    ]);
  });

  test('are cut at midnight in Shanghai: 31 January 00:00 there is still the 30th in UTC', () => {
    const period = periodOf({ start: '2026-01-30T16:00:00Z', quotaUnits: 12 });
    expect(schedule(period).slice(0, 2)).toEqual([
      '1: 2026-01-31 00:00 to 2026-02-28 00:00 1',
      '2: 2026-02-28 00:00 to 2026-03-31 00:00 1',
    ]);
    const second = new Date('2026-02-27T16:00:00.000Z');
    expect(dueParts(period, new Date(second.getTime() - 1)).parts).toHaveLength(1);
    expect(dueParts(period, second).parts).toHaveLength(2);
  });

  test('of a year by quarters, of two quarters by months, of a month at once, of days by days', () => {
    const start = '2026-08-31T04:00:00Z';
    expect(schedule(periodOf({ start, quotaUnits: 4, grantUnit: 'quarter' }))).toEqual([
      '1: 2026-08-31 12:00 to 2026-11-30 12:00 1',
      '2: 2026-11-30 12:00 to 2027-02-28 12:00 1',
      '3: 2027-02-28 12:00 to 2027-05-31 12:00 1',
      '4: 2027-05-31 12:00 to 2027-08-31 12:00 1',
    ]);
    expect(
      schedule(periodOf({ start, quotaUnits: 6, periodUnit: 'quarter', periodCount: 2, grantCount: 3 })).map((line) =>
        line.slice(0, 13),
      ),
    ).toEqual(['1: 2026-08-31', '2: 2026-11-30']);
    const month = { start, quotaUnits: 500, periodUnit: 'month', grantUnit: null, grantCount: null } as const;
    expect(schedule(periodOf(month))).toEqual(['1: 2026-08-31 12:00 to 2026-09-30 12:00 500']);
    const days = { start, quotaUnits: 5, periodUnit: 'day', periodCount: 14, grantUnit: 'day', grantCount: 7 } as const;
    expect(schedule(periodOf(days))).toEqual([
      '1: 2026-08-31 12:00 to 2026-09-07 12:00 3',
      '2: 2026-09-07 12:00 to 2026-09-14 12:00 2',
    ]);
  });

  test('that count in another base, or do not divide the period, are nobody’s to sell', () => {
    const year = { periodUnit: 'year', periodCount: 1 } as const;
    expect(() => intervalsIn({ ...year, grantUnit: 'day', grantCount: 30 })).toThrow('do not divide');
    expect(() => intervalsIn({ ...year, grantUnit: 'month', grantCount: 5 })).toThrow('do not divide');
    expect(() => intervalsIn({ ...year, grantUnit: 'year', grantCount: 2 })).toThrow('do not divide');
    expect(intervalsIn({ ...year, grantUnit: 'year', grantCount: 1 })).toBe(1);
  });
});

describe('the units of the intervals', () => {
  test('sum to the whole, the first ones one larger', () => {
    const units = (quotaUnits: number): readonly number[] =>
      dueParts(periodOf({ start: '2026-01-01T00:00:00Z', quotaUnits }), new Date('2026-12-31T00:00:00Z')).parts.map(
        (part) => part.units,
      );
    expect(units(100)).toEqual([9, 9, 9, 9, 8, 8, 8, 8, 8, 8, 8, 8]);
    // Months of nothing count as given.
    expect(units(3)).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(
      dueParts(periodOf({ start: '2026-01-01T00:00:00Z', quotaUnits: 0 }, { nextGrantTime: null }), new Date(8e14))
        .parts,
    ).toEqual([]);
  });

  test('that were ended before they were given end with the first ones', () => {
    const period = periodOf({ start: '2026-01-01T00:00:00Z', quotaUnits: 100 }, { revokeUnits: 20 });
    const { parts } = dueParts(period, new Date('2026-12-31T00:00:00Z'));
    expect(parts.map(({ ended }) => ended)).toEqual([9, 9, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(unitsNotGiven(period)).toBe(80);
    expect(unitsNotGiven({ ...period, grantedIntervals: 1 })).toBe(80);
    expect(unitsNotGiven({ ...period, grantedIntervals: 3 })).toBe(73);
  });
});

describe('what is due', () => {
  const start = '2026-01-31T04:00:00Z';

  test('is what has started and was not given: missed ones with their own expiry, each once', () => {
    const period = periodOf(
      { start, quotaUnits: 12 },
      { grantedIntervals: 1, nextGrantTime: new Date('2026-02-28T04:00:00Z') },
    );
    const due = dueParts(period, new Date('2026-04-30T03:59:59.999Z'));
    expect(due.parts.map(({ interval, expireTime }) => [interval, shanghai(expireTime)])).toEqual([
      [2, '2026-03-31 12:00'],
      [3, '2026-04-30 12:00'],
    ]);
    expect(due).toMatchObject({ grantedIntervals: 3, nextGrantTime: new Date('2026-04-30T04:00:00Z') });
    expect(dueParts({ ...period, ...due }, new Date('2026-04-30T03:59:59.999Z')).parts).toEqual([]);
  });

  test('ends with a shortened period: no interval starts after it, and the last one expires with it', () => {
    const whole = periodOf({ start, quotaUnits: 12 });
    const endTime = new Date('2026-03-10T00:00:00Z');
    const due = dueParts({ ...whole, endTime }, new Date('2027-06-01T00:00:00Z'));
    expect(due.parts.map(({ expireTime }) => expireTime)).toEqual([new Date('2026-02-28T04:00:00Z'), endTime]);
    expect(due.nextGrantTime).toBeNull();
    // An interval that would start at the very end is not given.
    const exact = { ...whole, endTime: new Date('2026-02-28T04:00:00Z') };
    expect(dueParts(exact, new Date('2027-06-01T00:00:00Z')).parts).toHaveLength(1);
    expect(unitsNotGiven({ ...whole, endTime })).toBe(2);
  });

  test('is nothing while paused, or once revoked or replaced', () => {
    const paused = periodOf({ start, quotaUnits: 12 }, { nextGrantTime: null });
    expect(dueParts(paused, new Date('2027-06-01T00:00:00Z')).parts).toEqual([]);
    expect(unitsNotGiven(paused)).toBe(12);
    expect(unitsNotGiven({ ...paused, revokeTime: new Date(start) })).toBe(0);
    expect(unitsNotGiven({ ...paused, replacedByOrderId: 'o' })).toBe(0);
  });
});
