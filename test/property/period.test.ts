import fc from 'fast-check';
import { nextPeriod, type LastPeriod } from '../../src/membership/period';
import { addPeriods, MS_PER_DAY, type PeriodUnit } from '../../src/platform/time';

const start = fc.date({
  min: new Date('2025-01-01T00:00:00Z'),
  max: new Date('2040-01-01T00:00:00Z'),
  noInvalidDate: true,
});
const unit = fc.constantFrom<PeriodUnit>('day', 'month');
const purchase = fc.record({
  /** Time since the purchase before. */
  afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 90 * MS_PER_DAY })),
  unit,
  count: fc.integer({ min: 1, max: 13 }),
});

/** Lessons 29, 50: whenever periods are bought, they neither overlap nor leave a gap that was not there to see. */
describe('any purchases at any instants', () => {
  const buyAll = (first: Date, purchases: readonly { afterMs: number; unit: PeriodUnit; count: number }[]) => {
    const periods: (LastPeriod & { readonly boughtAt: Date })[] = [];
    let boughtAt = first;
    for (const { afterMs, unit: periodUnit, count } of purchases) {
      boughtAt = new Date(boughtAt.getTime() + afterMs);
      periods.push({ ...nextPeriod(periods.at(-1), periodUnit, count, boughtAt), periodUnit, boughtAt });
    }
    return periods;
  };

  test('every period starts when the one before ends, or at its purchase if that is later', () => {
    fc.assert(
      fc.property(start, fc.array(purchase, { minLength: 1, maxLength: 10 }), (first, purchases) => {
        let previousEndMs = Number.NEGATIVE_INFINITY;
        for (const period of buyAll(first, purchases)) {
          const expectedMs = Math.max(previousEndMs, period.boughtAt.getTime());
          expect(period.startTime.getTime()).toBe(expectedMs);
          expect(period.endTime.getTime()).toBeGreaterThan(expectedMs);
          previousEndMs = period.endTime.getTime();
        }
      }),
    );
  });

  test('a chain of months ends where its anchor says, however it was bought', () => {
    fc.assert(
      fc.property(start, fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 }), (first, counts) => {
        const periods = buyAll(
          first,
          counts.map((count) => ({ afterMs: 0, unit: 'month', count })),
        );
        const months = counts.reduce((sum, count) => sum + count, 0);
        expect(periods.at(-1)?.endTime).toEqual(addPeriods(first, 'month', months));
      }),
    );
  });

  test('a month has 28 to 31 days and counting further never goes back', () => {
    fc.assert(
      fc.property(start, fc.integer({ min: 0, max: 60 }), (anchor, count) => {
        const days =
          (addPeriods(anchor, 'month', count + 1).getTime() - addPeriods(anchor, 'month', count).getTime()) /
          MS_PER_DAY;
        expect(days).toBeGreaterThanOrEqual(28);
        expect(days).toBeLessThanOrEqual(31);
      }),
    );
  });
});
