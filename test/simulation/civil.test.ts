import { after, civilOf, DAY, daysOf, inShanghai, instantOf, shanghai, timeOfDay } from './civil';

/** The oracle's own calendar, against days that anybody can look up. */
describe('the calendar of the oracle', () => {
  test('Shanghai is 8 hours ahead: its day begins at 16:00 UTC', () => {
    expect(shanghai('2027-01-31')).toBe(Date.parse('2027-01-30T16:00:00.000Z'));
    expect(inShanghai(Date.parse('2027-01-30T15:59:59.999Z'))).toBe('2027-01-30 23:59:59.999');
    expect(timeOfDay(Date.parse('2027-01-30T16:00:00.000Z'))).toBe(0);
  });

  test('leap days: 2028 and 2000 have one, 2027, 2100 and 1900 do not', () => {
    expect([2028, 2000, 2027, 2100, 1900].map((year) => daysOf(year, 2))).toEqual([29, 29, 28, 28, 28]);
    expect(shanghai('2028-03-01') - shanghai('2028-02-28')).toBe(2 * DAY);
    expect(shanghai('2027-03-01') - shanghai('2027-02-28')).toBe(DAY);
  });

  test('every day of 200 years comes back as it is, one day after the other', () => {
    const first = instantOf({ year: 1970, month: 1, day: 2, ofDay: 0 });
    const wrong: string[] = [];
    for (let days = 0; days < 200 * 366; days += 1) {
      const instant = first + days * DAY;
      const utc = new Date(instant + 8 * 3_600_000);
      const { year, month, day } = civilOf(instant);
      const isSame = year === utc.getUTCFullYear() && month === utc.getUTCMonth() + 1 && day === utc.getUTCDate();
      if (!isSame || instantOf({ year, month, day, ofDay: 0 }) !== instant) wrong.push(inShanghai(instant));
    }
    expect(wrong).toEqual([]);
  });

  test.each([
    ['2027-01-31', 1, '2027-02-28'],
    ['2027-01-31', 2, '2027-03-31'],
    ['2027-01-31', 3, '2027-04-30'],
    ['2028-01-31', 1, '2028-02-29'],
    ['2028-02-29', 12, '2029-02-28'],
    ['2028-02-29', 48, '2032-02-29'],
    ['2027-11-30', 3, '2028-02-29'],
    ['2027-12-31', 1, '2028-01-31'],
    ['2027-08-31', 6, '2028-02-29'],
  ])('%s and %d months is %s', (start, months, end) => {
    expect(inShanghai(after(shanghai(start), 'month', months))).toBe(`${end} 00:00:00.000`);
    const late = after(shanghai(`${start} 23:59:59.999`), 'month', months);
    expect(inShanghai(late)).toBe(`${end} 23:59:59.999`);
  });

  test('days are counted through the leap day', () => {
    expect(inShanghai(after(shanghai('2028-02-22 12:00'), 'day', 7))).toBe('2028-02-29 12:00:00.000');
    expect(inShanghai(after(shanghai('2028-02-22 12:00'), 'day', 8))).toBe('2028-03-01 12:00:00.000');
  });

  test('what is no time is refused', () => {
    expect(() => shanghai('31 Jan')).toThrow('not a time');
  });
});
