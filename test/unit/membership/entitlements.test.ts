import { entitlementsFrom, holdingAt, type HeldPeriod } from '../../../src/membership/entitlements';

const DAY_MS = 86_400_000;
const START = new Date('2027-01-31T15:59:00.000Z');
const day = (count: number, ms = 0): Date => new Date(START.getTime() + count * DAY_MS + ms);

/** A period from one day to another; by default without grace. */
function period(periodNo: number, fromDay: number, toDay: number, fields: Partial<HeldPeriod> = {}): HeldPeriod {
  return {
    ...{ periodNo, startTime: day(fromDay), endTime: day(toDay), features: [`f-${periodNo}`], limits: null },
    ...{ graceDays: 0, isReplaced: false },
    ...fields,
  };
}

/** The number of the period that counts, with a star while only its grace does. */
function held(periods: readonly HeldPeriod[], now: Date): string {
  const holding = holdingAt(periods, now);
  return holding === undefined ? 'none' : `${holding.period.periodNo}${holding.isInGrace ? '*' : ''}`;
}

describe('the period that counts', () => {
  test('is the one that covers the instant: from its start, to just before its end', () => {
    const periods = [period(1, 0, 30), period(2, 30, 60)];
    expect([day(0, -1), day(0), day(30, -1), day(30), day(60, -1), day(60)].map((now) => held(periods, now))).toEqual([
      ...['none', '1', '1', '2', '2', 'none'],
    ]);
  });

  test('is the last one in its grace, for whole days of 24 hours from its end', () => {
    const periods = [period(1, 0, 30, { graceDays: 9 }), period(2, 30, 60, { graceDays: 2 })];
    expect([day(60), day(62, -1), day(62)].map((now) => held(periods, now))).toEqual(['2*', '2*', 'none']);
  });

  test('is none in a gap before a period that is bought already, whatever the grace before it', () => {
    const periods = [period(1, 0, 10, { graceDays: 9 }), period(2, 30, 60)];
    expect([day(10), day(29)].map((now) => held(periods, now))).toEqual(['none', 'none']);
  });

  test('is not that with the longer grace but the last', () => {
    const periods = [period(1, 0, 30, { graceDays: 365 }), period(2, 30, 60)];
    expect(held(periods, day(61))).toBe('none');
  });

  test('has no grace when an upgrade took its place', () => {
    expect(held([period(1, 0, 30, { graceDays: 9, isReplaced: true })], day(30))).toBe('none');
  });
});

describe('what may be used', () => {
  test("is the period's and everybody's, within the period's limits", () => {
    const limits = { 'f-1': 7 };
    const { features, limits: found, periodNo } = entitlementsFrom(period(1, 0, 30, { limits }), ['basic']);
    expect([[...features], [...found], periodNo]).toEqual([['f-1', 'basic'], [['f-1', 7]], 1]);
  });

  test('of what everybody has is not limited to members', () => {
    expect(entitlementsFrom(period(1, 0, 30, { limits: { 'f-1': 7 } }), ['f-1']).limits.size).toBe(0);
  });

  test('without a period is only what everybody has', () => {
    const { features, limits, periodNo } = entitlementsFrom(undefined, ['basic']);
    expect([[...features], limits.size, periodNo]).toEqual([['basic'], 0, null]);
  });
});
