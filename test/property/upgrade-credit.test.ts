import fc from 'fast-check';
import {
  creditOf,
  creditSum,
  priceAfterCredit,
  settleUnits,
  type CreditablePeriod,
} from '../../src/order/upgrade-credit';
import { fen } from '../../src/platform/money';

const RUNS = { numRuns: 5_000 };
const NOW = new Date('2026-03-01T04:00:00.000Z');
const YEAR_MS = 366 * 86_400_000;

const at = (ms: number): Date => new Date(NOW.getTime() + ms);
const paid = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.maxSafeNat()).map(fen);
const quota = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 20 }), fc.maxSafeNat());
/** Units that are left of so many, in lots and in intervals to come. */
const unitsOf = fc.tuple(quota, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }));

/** A period that runs at NOW. */
const running: fc.Arbitrary<CreditablePeriod> = fc
  .tuple(paid, unitsOf, fc.integer({ min: 0, max: YEAR_MS }), fc.integer({ min: 1, max: YEAR_MS }))
  .map(([amount, [quotaUnits, left, ofThose], goneMs, leftMs]) => {
    const unspent = Math.floor(quotaUnits * left);
    const usableUnits = Math.floor(unspent * ofThose);
    return {
      ...{ orderId: 'o', startTime: at(-goneMs), endTime: at(leftMs), paid: amount, quotaUnits },
      ...{ usableUnits, comingUnits: unspent - usableUnits },
    };
  });
/** The same, bought ahead. */
const ahead = running.map((period) => ({ ...period, startTime: at(1), endTime: at(1 + YEAR_MS) }));

const unspentOf = ({ usableUnits, comingUnits }: CreditablePeriod): number => usableUnits + comingUnits;
/** Whether an amount is ⌊whole × part ÷ of⌋, without the arithmetic that is tested. */
function isFloor(amount: number, whole: number, part: number, of: number): boolean {
  const [left, right] = [BigInt(amount) * BigInt(of), BigInt(whole) * BigInt(part)];
  return left <= right && right < left + BigInt(of);
}

describe('the credit of a running period (lesson 51: whole fen, never from rounded parts)', () => {
  test('is what was paid times the smaller of the shares of time and units that are left, rounded down once', () => {
    fc.assert(
      fc.property(running, (period) => {
        const { amount, units } = creditOf(period, NOW);
        expect(units).toBe(unspentOf(period));
        const leftMs = period.endTime.getTime() - NOW.getTime();
        const lastsMs = period.endTime.getTime() - period.startTime.getTime();
        // left/lasts < units/quota, over a common denominator.
        const isByTime =
          period.quotaUnits === 0 || BigInt(leftMs) * BigInt(period.quotaUnits) < BigInt(units) * BigInt(lastsMs);
        const [part, of] = isByTime ? [leftMs, lastsMs] : [units, period.quotaUnits];
        expect(isFloor(amount, period.paid, part, of)).toBe(true);
      }),
      RUNS,
    );
  });

  test('is between nothing and what was paid, and a safe integer', () => {
    fc.assert(
      fc.property(running, (period) => {
        const { amount } = creditOf(period, NOW);
        expect(Number.isSafeInteger(amount)).toBe(true);
        expect(amount).toBeGreaterThanOrEqual(0);
        expect(amount).toBeLessThanOrEqual(period.paid);
      }),
      RUNS,
    );
  });

  test('never grows with time, or by spending', () => {
    const laterBy = fc.integer({ min: 0, max: YEAR_MS });
    fc.assert(
      fc.property(running, laterBy, fc.nat(), (period, laterMs, spent) => {
        const first = creditOf(period, NOW).amount;
        expect(creditOf(period, at(laterMs)).amount).toBeLessThanOrEqual(first);
        const usableUnits = Math.max(0, period.usableUnits - spent);
        expect(creditOf({ ...period, usableUnits }, NOW).amount).toBeLessThanOrEqual(first);
      }),
      RUNS,
    );
  });

  test('is all at its first instant with nothing spent, nothing at its end, and nothing with all units spent', () => {
    fc.assert(
      fc.property(running, (period) => {
        const whole = { ...period, usableUnits: period.quotaUnits, comingUnits: 0 };
        expect(creditOf(whole, period.startTime).amount).toBe(period.paid);
        expect(creditOf(whole, period.endTime).amount).toBe(0);
        const spent = { ...period, usableUnits: 0, comingUnits: 0 };
        if (period.quotaUnits > 0) expect(creditOf(spent, period.startTime).amount).toBe(0);
      }),
      RUNS,
    );
  });
});

describe('the credit of a period that was bought ahead', () => {
  test('is all that was paid for it, whatever its units', () => {
    fc.assert(
      fc.property(ahead, (period) => {
        expect(creditOf(period, NOW)).toEqual({ orderId: 'o', amount: period.paid, units: unspentOf(period) });
      }),
      RUNS,
    );
  });
});

describe('what is left to pay of a price', () => {
  test('is the price less all credits, to the fen; an upgrade for nothing is none', () => {
    const amount = fc.integer({ min: 0, max: 1_000_000 }).map(fen);
    fc.assert(
      fc.property(amount, fc.array(amount, { maxLength: 5 }), (price, amounts) => {
        const credits = amounts.map((one, index) => ({ orderId: String(index), amount: one, units: 0 }));
        const left = priceAfterCredit(price, credits);
        const sum = amounts.reduce((total, one) => total + one, 0);
        expect(creditSum(credits)).toBe(sum);
        if (left === undefined) expect(sum).toBeGreaterThanOrEqual(price);
        else expect(left + sum).toBe(price);
        expect(left).not.toBe(0);
      }),
      RUNS,
    );
  });
});

describe('the units of a credited period when the upgrade is applied', () => {
  const some = fc.integer({ min: 0, max: 1_000 });

  test('every unit that was counted ends, never comes, expired meanwhile, or is missing; none that was not counted ends', () => {
    const history = fc.record({ usable: some, coming: some, given: some, spent: some, expired: some, back: some });
    fc.assert(
      fc.property(history, (then) => {
        const counted = then.usable + then.coming;
        // Between order and payment: some intervals begin, some units are spent, some expire, some come back.
        const given = Math.min(then.given, then.coming);
        const spent = Math.min(then.spent, then.usable + given);
        const expiredUnits = Math.min(then.expired, then.usable + given - spent);
        const comingUnits = then.coming - given;
        const usableUnits = then.usable + given - spent - expiredUnits + then.back;
        const { ended, missing } = settleUnits({ counted, comingUnits, usableUnits, expiredUnits });
        expect(ended).toBeLessThanOrEqual(usableUnits);
        expect(ended).toBeLessThanOrEqual(counted - comingUnits);
        // What came back may stand in for what was spent: the user has no more of it afterwards than came back.
        expect(missing).toBe(Math.max(0, spent - Math.min(then.back, spent + expiredUnits)));
        expect(usableUnits - ended).toBeLessThanOrEqual(then.back);
      }),
      RUNS,
    );
  });

  test('with nothing spent nothing is missing; all that was spent is', () => {
    fc.assert(
      fc.property(some, some, some, (usable, coming, spent) => {
        const counted = usable + coming;
        const rest = { counted, comingUnits: coming, expiredUnits: 0 };
        expect(settleUnits({ ...rest, usableUnits: usable })).toEqual({ ended: usable, missing: 0 });
        const gone = Math.min(usable, spent);
        expect(settleUnits({ ...rest, usableUnits: usable - gone })).toEqual({ ended: usable - gone, missing: gone });
      }),
      RUNS,
    );
  });
});
