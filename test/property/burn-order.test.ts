import fc from 'fast-check';
import { compareBurnOrder, isExpired, planBurn, planReturn, usableUnits } from '../../src/quota/burn-order';
import type { Lot, LotChange } from '../../src/quota/account';
import { at, lotOf, sumOf } from '../support/quota-account';

const lotFields = fc.record({
  amount: fc.integer({ min: 1, max: 60 }),
  used: fc.integer({ min: 0, max: 60 }),
  held: fc.integer({ min: 0, max: 60 }),
  source: fc.constantFrom('registration', 'membership', 'gift', 'compensation'),
  // Few distinct instants, so that lots often tie and often expire exactly now.
  expireMs: fc.option(fc.integer({ min: -2, max: 3 })),
});

/** Lots in any order, with any of them used up, held in part or expired. */
const anyLots: fc.Arbitrary<readonly Lot[]> = fc
  .array(lotFields, { maxLength: 8 })
  .map((rows) =>
    rows.map(({ amount, used, held, source, expireMs }, i) => {
      const remaining = Math.max(0, amount - used);
      const expireTime = expireMs === null ? null : at(expireMs);
      return lotOf({ grantId: i + 1, amount, remaining, held: Math.min(held, amount - remaining), source, expireTime });
    }),
  )
  .chain((lots) => fc.shuffledSubarray(lots, { minLength: lots.length }));

const now = at(0);

/** R3.1: taking conserves totals, for any lots. */
describe('planBurn for any lots and any amount', () => {
  test('takes exactly what was asked or nothing, and refuses only what is not there', () => {
    fc.assert(
      fc.property(anyLots, fc.integer({ min: 1, max: 300 }), (lots, units) => {
        const plan = planBurn(lots, units, now);
        if (plan === undefined) return expect(usableUnits(lots, now)).toBeLessThan(units);
        expect(sumOf(plan)).toBe(-units);
      }),
    );
  });

  test('never takes more than a lot has, never from an expired lot, and each lot once', () => {
    fc.assert(
      fc.property(anyLots, fc.integer({ min: 1, max: 300 }), (lots, units) => {
        const plan = planBurn(lots, units, now) ?? [];
        expect(new Set(plan.map(([id]) => id)).size).toBe(plan.length);
        for (const [grantId, change] of plan) {
          const lot = lots.find((candidate) => candidate.grantId === grantId);
          if (lot === undefined) throw new Error('a lot that does not exist');
          expect(isExpired(lot, now)).toBe(false);
          expect(change).toBeLessThan(0);
          expect(-change).toBeLessThanOrEqual(lot.remaining);
        }
      }),
    );
  });

  test('leaves no usable unit in a lot that comes before one it touched', () => {
    fc.assert(
      fc.property(anyLots, fc.integer({ min: 1, max: 300 }), (lots, units) => {
        const plan = new Map(planBurn(lots, units, now));
        const usable = lots.filter((lot) => lot.remaining > 0 && !isExpired(lot, now)).sort(compareBurnOrder);
        const lastTouched = usable.findLastIndex((lot) => plan.has(lot.grantId));
        for (const lot of usable.slice(0, Math.max(0, lastTouched))) {
          expect(plan.get(lot.grantId)).toBe(-lot.remaining);
        }
      }),
    );
  });

  test('the order is total: antisymmetric, transitive, and equal only to itself', () => {
    fc.assert(
      fc.property(anyLots, (lots) => {
        for (const a of lots) {
          for (const b of lots) {
            expect(Math.sign(compareBurnOrder(a, b)) + Math.sign(compareBurnOrder(b, a))).toBe(0);
            expect(compareBurnOrder(a, b) === 0).toBe(a.grantId === b.grantId);
            for (const c of lots) {
              if (compareBurnOrder(a, b) <= 0 && compareBurnOrder(b, c) <= 0) {
                expect(compareBurnOrder(a, c)).toBeLessThanOrEqual(0);
              }
            }
          }
        }
      }),
    );
  });
});

/** R3.2, lessons 1, 16, 18: however a consume is given back in parts, its lots get exactly what they lost. */
describe('planReturn for any consume and any parts', () => {
  const parts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });

  test('parts return each unit once to the lot it came from; one more is refused', () => {
    fc.assert(
      fc.property(anyLots, fc.integer({ min: 1, max: 120 }), parts, (lots, units, asked) => {
        const consumed = planBurn(lots, units, now);
        fc.pre(consumed !== undefined);
        const returned: LotChange[] = [];
        for (const part of asked) {
          const left = units - sumOf(returned);
          const plan = planReturn(consumed, sumOf(returned), part);
          expect(plan === undefined).toBe(part > left);
          returned.push(...(plan ?? []));
        }
        const left = units - sumOf(returned);
        if (left > 0) returned.push(...(planReturn(consumed, sumOf(returned), left) ?? []));
        expect(planReturn(consumed, sumOf(returned), 1)).toBeUndefined();
        for (const [grantId, change] of consumed) {
          expect(sumOf(returned.filter(([id]) => id === grantId))).toBe(-change);
        }
        expect(sumOf(returned)).toBe(units);
      }),
    );
  });
});
