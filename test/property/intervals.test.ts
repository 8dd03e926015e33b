import fc from 'fast-check';
import {
  dueParts,
  grantTimeAfter,
  intervalsIn,
  unitsNotGiven,
  type GivingPeriod,
} from '../../src/membership/intervals';
import { nextPeriod } from '../../src/membership/period';
import { MS_PER_DAY, type PeriodUnit } from '../../src/platform/time';

const instant = fc.date({
  min: new Date('2024-01-01T00:00:00Z'),
  max: new Date('2036-01-01T00:00:00Z'),
  noInvalidDate: true,
});

/** What can be sold: an interval times how many there are. */
const sold = fc
  .record({
    base: fc.constantFrom<PeriodUnit>('day', 'month', 'quarter', 'year'),
    grantCount: fc.integer({ min: 1, max: 4 }),
    intervals: fc.integer({ min: 1, max: 24 }),
    quotaUnits: fc.integer({ min: 1, max: 100_000 }),
  })
  .map(({ base, grantCount, intervals, quotaUnits }) => ({
    terms: { periodUnit: base, periodCount: grantCount * intervals, grantUnit: base, grantCount },
    intervals,
    quotaUnits,
  }));

function begin(
  { terms, quotaUnits }: { terms: Parameters<typeof intervalsIn>[0]; quotaUnits: number },
  start: Date,
): GivingPeriod {
  const bounds = nextPeriod(undefined, terms.periodUnit, terms.periodCount, start);
  const { grantUnit, grantCount } = terms;
  return {
    ...bounds,
    ...{ quotaUnits, grantUnit, grantCount, intervals: intervalsIn(terms), grantedIntervals: 0 },
    ...{ nextGrantTime: bounds.startTime, revokeTime: null, replacedByOrderId: null, revokeUnits: 0 },
  };
}

/** R2.2, lessons 29, 50: each interval exactly once, missed ones caught up. */
describe('any period, looked at at any times', () => {
  test('gives each interval once, in order, without gap or overlap, and all its units, whenever it is looked at', () => {
    fc.assert(
      fc.property(
        sold,
        instant,
        fc.array(fc.integer({ min: 0, max: 400 * MS_PER_DAY }), { maxLength: 12 }),
        (terms, start, waits) => {
          let period = begin(terms, start);
          let now = start;
          const given: { interval: number; units: number; expireTime: Date }[] = [];
          for (const wait of [0, ...waits]) {
            now = new Date(now.getTime() + wait);
            const before = period.grantedIntervals;
            const { parts, ...after } = dueParts(period, now);
            // Not a moment early, and nothing that has come is left.
            for (const { interval } of parts)
              expect(grantTimeAfter(period, interval - 1)?.getTime()).toBeLessThanOrEqual(now.getTime());
            expect(after.nextGrantTime === null || after.nextGrantTime > now).toBe(true);
            expect(after.grantedIntervals).toBe(before + parts.length);
            given.push(...parts);
            period = { ...period, ...after };
            const sum = given.reduce((units, part) => units + part.units, 0);
            expect(sum + unitsNotGiven(period)).toBe(period.quotaUnits);
          }
          const all = dueParts(begin(terms, start), period.endTime).parts;
          expect(all).toHaveLength(terms.intervals);
          expect(given).toEqual(all.slice(0, given.length));
          expect(all.reduce((sum, { units }) => sum + units, 0)).toBe(terms.quotaUnits);
          expect(
            Math.max(...all.map(({ units }) => units)) - Math.min(...all.map(({ units }) => units)),
          ).toBeLessThanOrEqual(1);
          expect(all.at(-1)?.expireTime).toEqual(period.endTime);
          for (const [nth, { expireTime }] of all.slice(0, -1).entries()) {
            expect(expireTime).toEqual(grantTimeAfter(begin(terms, start), nth + 1));
          }
        },
      ),
    );
  });

  test('ended units are of the first given, and all of them, but never more than there are', () => {
    fc.assert(
      fc.property(sold, instant, fc.integer({ min: 0, max: 100_000 }), (terms, start, wanted) => {
        const revokeUnits = Math.min(wanted, terms.quotaUnits);
        const period = { ...begin(terms, start), revokeUnits };
        const { parts } = dueParts(period, period.endTime);
        expect(parts.reduce((sum, { ended }) => sum + ended, 0)).toBe(revokeUnits);
        expect(parts.every(({ ended, units }) => ended >= 0 && ended <= units)).toBe(true);
        const firstWhole = parts.findIndex(({ ended, units }) => ended < units);
        if (firstWhole >= 0) expect(parts.slice(firstWhole + 1).every(({ ended }) => ended === 0)).toBe(true);
        expect(unitsNotGiven(period)).toBe(terms.quotaUnits - revokeUnits);
      }),
    );
  });
});
