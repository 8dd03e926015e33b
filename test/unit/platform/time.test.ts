import {
  addMs,
  addPeriods,
  baseOf,
  businessDay,
  fromEpochMs,
  inBaseUnits,
  later,
  type PeriodUnit,
} from '../../../src/platform/time';

const add = (anchor: string, unit: PeriodUnit, count: number): string =>
  addPeriods(new Date(anchor), unit, count).toISOString();

/** Lesson 50: instants are UTC, days and months are cut in Asia/Shanghai. */
describe('calendar arithmetic', () => {
  test('counts months from the anchor: 31 Jan gives 28 Feb and then 31 Mar, never the 28th again', () => {
    expect(add('2026-01-31T04:00:00Z', 'month', 1)).toBe('2026-02-28T04:00:00.000Z');
    expect(add('2026-01-31T04:00:00Z', 'month', 2)).toBe('2026-03-31T04:00:00.000Z');
    expect(add('2028-01-31T04:00:00Z', 'month', 1)).toBe('2028-02-29T04:00:00.000Z');
  });

  test('cuts at midnight in Shanghai: the last millisecond of a month there is 15:59:59.999 UTC', () => {
    expect(add('2026-01-31T15:59:59.999Z', 'month', 1)).toBe('2026-02-28T15:59:59.999Z');
    expect(add('2026-01-31T16:00:00.000Z', 'month', 1)).toBe('2026-02-28T16:00:00.000Z');
    expect(add('2026-02-28T16:00:00.000Z', 'month', 1)).toBe('2026-03-31T16:00:00.000Z');
  });

  test('a day is 24 hours across a year and a leap day', () => {
    expect(add('2027-12-31T20:00:00Z', 'day', 1)).toBe('2028-01-01T20:00:00.000Z');
    expect(add('2028-02-28T20:00:00Z', 'day', 2)).toBe('2028-03-01T20:00:00.000Z');
  });

  test('a quarter is three months and a year twelve, each from the anchor (lesson 29)', () => {
    expect(add('2026-11-30T04:00:00Z', 'quarter', 1)).toBe('2027-02-28T04:00:00.000Z');
    expect(add('2026-11-30T04:00:00Z', 'quarter', 2)).toBe('2027-05-30T04:00:00.000Z');
    expect(add('2027-08-31T04:00:00Z', 'quarter', 2)).toBe('2028-02-29T04:00:00.000Z');
    expect(add('2026-02-28T16:00:00.000Z', 'year', 1)).toBe('2027-02-28T16:00:00.000Z');
    for (const [unit, months] of [
      ['quarter', 3],
      ['year', 12],
    ] as const) {
      expect(add('2026-01-31T15:59:59.999Z', unit, 5)).toBe(add('2026-01-31T15:59:59.999Z', 'month', 5 * months));
      expect([baseOf(unit), inBaseUnits(unit, 2)]).toEqual(['month', 2 * months]);
    }
    expect([baseOf('day'), inBaseUnits('day', 7), baseOf('month'), inBaseUnits('month', 7)]).toEqual([
      'day',
      7,
      'month',
      7,
    ]);
  });

  test('a year from 29 Feb ends on 28 Feb, and after four years on 29 Feb again', () => {
    expect(add('2028-02-29T04:00:00Z', 'year', 1)).toBe('2029-02-28T04:00:00.000Z');
    expect(add('2028-02-29T04:00:00Z', 'year', 4)).toBe('2032-02-29T04:00:00.000Z');
  });

  test('begins a business day at midnight in Shanghai, which is 16:00 UTC of the day before', () => {
    expect(businessDay(new Date('2026-02-28T15:59:59.999Z'))).toBe('2026-02-28');
    expect(businessDay(new Date('2026-02-28T16:00:00.000Z'))).toBe('2026-03-01');
    expect(businessDay(new Date('2027-12-31T16:00:00.000Z'))).toBe('2028-01-01');
  });

  test('adds milliseconds, reads Unix times and picks the later instant', () => {
    const instant = fromEpochMs(1_000);
    expect(addMs(instant, 500).getTime()).toBe(1_500);
    expect(later(instant, addMs(instant, -1))).toEqual(instant);
    expect(later(addMs(instant, -1), instant)).toEqual(instant);
  });
});
