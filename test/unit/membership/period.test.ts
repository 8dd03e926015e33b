import { nextPeriod, type LastPeriod } from '../../../src/membership/period';
import type { PeriodUnit } from '../../../src/platform/time';

const buy = (last: LastPeriod | undefined, now: string, unit: PeriodUnit = 'month', count = 1): LastPeriod => ({
  ...nextPeriod(last, unit, count, new Date(now)),
  periodUnit: unit,
});

/** An instant as a clock in Shanghai shows it. */
const shanghai = (instant: Date): string =>
  instant.toLocaleString('sv-SE', { timeZone: 'Asia/Shanghai', hour12: false }).slice(0, 16);

function stack(start: string, purchases: number): readonly string[] {
  let last: LastPeriod | undefined;
  const ends: string[] = [];
  for (let i = 0; i < purchases; i += 1) {
    last = buy(last, start);
    ends.push(shanghai(last.endTime));
  }
  return ends;
}

/** R4, lessons 29, 50: one owner of period boundaries; months in Shanghai keep their anchor day. */
describe('a membership month', () => {
  test('from 31 January ends 28 February, then 31 March, then 30 April', () => {
    expect(stack('2026-01-31T04:00:00Z', 4)).toEqual([
      '2026-02-28 12:00',
      '2026-03-31 12:00',
      '2026-04-30 12:00',
      '2026-05-31 12:00',
    ]);
  });

  test('from 31 January of a leap year ends 29 February', () => {
    expect(stack('2028-01-31T04:00:00Z', 2)).toEqual(['2028-02-29 12:00', '2028-03-31 12:00']);
  });

  test('from 29 February ends on the 29th ever after, and on 28 February a year on', () => {
    const ends = stack('2028-02-29T04:00:00Z', 12);
    expect(ends[0]).toBe('2028-03-29 12:00');
    expect(ends[11]).toBe('2029-02-28 12:00');
  });

  test('is cut in Shanghai, not in UTC: 31 January 00:00 there is still the 30th in UTC', () => {
    const first = buy(undefined, '2026-01-30T16:00:00Z');
    expect(first.endTime.toISOString()).toBe('2026-02-27T16:00:00.000Z');
    expect(shanghai(first.endTime)).toBe('2026-02-28 00:00');
    expect(shanghai(buy(first, '2026-01-30T16:00:00Z').endTime)).toBe('2026-03-31 00:00');
  });

  test('keeps the time of day to the millisecond', () => {
    expect(buy(undefined, '2026-03-15T07:08:09.123Z').endTime.toISOString()).toBe('2026-04-15T07:08:09.123Z');
  });
});

describe('a period bought while another runs', () => {
  test('starts when the one before ends, even if bought on its last millisecond', () => {
    const first = buy(undefined, '2026-01-31T04:00:00Z');
    const second = buy(first, new Date(first.endTime.getTime() - 1).toISOString());
    expect(second.startTime).toEqual(first.endTime);
    expect(second.anchorTime).toEqual(first.startTime);
  });

  test('bought at the instant the one before ends starts a chain of its own (half-open)', () => {
    const first = buy(undefined, '2026-01-31T04:00:00Z');
    const second = buy(first, first.endTime.toISOString());
    expect(second).toMatchObject({ startTime: first.endTime, anchorTime: first.endTime, anchorOffset: 0 });
    expect(shanghai(second.endTime)).toBe('2026-03-28 12:00');
  });

  test('of another unit follows without a gap and starts a chain of its own', () => {
    const month = buy(undefined, '2026-01-31T04:00:00Z');
    const days = buy(month, '2026-02-01T04:00:00Z', 'day', 7);
    expect(days).toMatchObject({ startTime: month.endTime, anchorTime: month.endTime });
    expect(shanghai(days.endTime)).toBe('2026-03-07 12:00');
  });

  test('whose end was moved off its chain follows from the moved end', () => {
    const first = buy(undefined, '2026-01-31T04:00:00Z');
    const shortened: LastPeriod = { ...first, endTime: new Date('2026-02-10T04:00:00Z') };
    const second = buy(shortened, '2026-02-01T04:00:00Z');
    expect(second).toMatchObject({ startTime: shortened.endTime, anchorTime: shortened.endTime, anchorOffset: 0 });
  });

  test('two months at once and one month twice end on the same day', () => {
    const twice = buy(buy(undefined, '2026-01-31T04:00:00Z'), '2026-01-31T04:00:00Z');
    expect(buy(undefined, '2026-01-31T04:00:00Z', 'month', 2).endTime).toEqual(twice.endTime);
  });

  test('of another unit of months keeps the chain: a quarter and a year after a month are cut at its anchor', () => {
    const month = buy(undefined, '2026-01-31T04:00:00Z');
    const quarter = buy(month, '2026-02-01T04:00:00Z', 'quarter');
    expect(quarter).toMatchObject({ startTime: month.endTime, anchorTime: month.startTime, anchorOffset: 1 });
    expect(shanghai(quarter.endTime)).toBe('2026-05-31 12:00');
    const year = buy(quarter, '2026-02-01T04:00:00Z', 'year');
    expect(year).toMatchObject({ startTime: quarter.endTime, anchorTime: month.startTime, anchorOffset: 4 });
    expect(shanghai(year.endTime)).toBe('2027-05-31 12:00');
    expect(shanghai(buy(year, '2026-02-01T04:00:00Z', 'quarter', 3).endTime)).toBe('2028-02-29 12:00');
  });

  test('of years from 29 February ends on the 28th but in leap years', () => {
    const first = buy(undefined, '2028-02-29T04:00:00Z', 'year');
    expect(shanghai(first.endTime)).toBe('2029-02-28 12:00');
    expect(shanghai(buy(first, '2028-02-29T04:00:00Z', 'year', 3).endTime)).toBe('2032-02-29 12:00');
  });
});
