import fc from 'fast-check';
import { fen, type Fen } from '../../src/platform/money';
import { couponEffect, discountOn, type DiscountTerms } from '../../src/promotion/discount';

const AMOUNT_MAX = 1_000_000_000;
const PLANS = ['basic', 'pro', 'enterprise'];
const RUNS = { numRuns: 5_000 };

type Discount = Pick<DiscountTerms, 'discountType' | 'discountValue' | 'maxDiscount'>;

/** Mostly what people pay; sometimes an edge, sometimes more than a product of two such numbers can hold. */
const amount = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: AMOUNT_MAX }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 200 }) },
  { weight: 1, arbitrary: fc.maxSafeNat() },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 99, 100, 101, AMOUNT_MAX, Number.MAX_SAFE_INTEGER) },
);

const positive = amount.map((value) => Math.max(1, value));
const kind = fc.oneof(
  fc.record({ discountType: fc.constant('percentage' as const), discountValue: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ discountType: fc.constant('fixed_amount' as const), discountValue: positive }),
);
const cap = fc.oneof(fc.constant(0), positive).map(fen);
const discount: fc.Arbitrary<Discount> = fc
  .tuple(kind, cap)
  .map(([{ discountType, discountValue }, maxDiscount]) => ({ discountType, discountValue, maxDiscount }));
const terms: fc.Arbitrary<DiscountTerms> = fc
  .tuple(discount, amount, fc.subarray(PLANS), fc.boolean())
  .map(([value, minimum, planIds, mayBeFree]) => ({ ...value, minOrderAmount: fen(minimum), planIds, mayBeFree }));

/** A value, and one that is the same or a little more: what is compared with it differs by few fen as often as by many. */
function atMost(values: fc.Arbitrary<number>): fc.Arbitrary<readonly [Fen, Fen]> {
  const more = fc.oneof(fc.integer({ min: 0, max: 101 }), fc.integer({ min: 0, max: AMOUNT_MAX }));
  return fc
    .tuple(values, more)
    .map(([value, step]) => [fen(value), fen(Math.min(value + step, Number.MAX_SAFE_INTEGER))] as const);
}

/** R13.2 as demands on a discount: no quotient, no rounding, no order of steps. */
function isAllowed(taken: bigint, base: bigint, { discountType, discountValue, maxDiscount }: Discount): boolean {
  const value = BigInt(discountValue);
  const isWithinValue = discountType === 'fixed_amount' ? taken <= value : 100n * taken <= base * value;
  return isWithinValue && taken <= base && (maxDiscount === 0 || taken <= BigInt(maxDiscount));
}

/** The oracle: the greatest discount that meets every demand, found by halving the range and nothing else. */
function greatestAllowed(base: number, terms: Discount): bigint {
  let low = 0n;
  let high = BigInt(base);
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (isAllowed(middle, BigInt(base), terms)) low = middle;
    else high = middle - 1n;
  }
  return low;
}

describe('R13.2, R13.3: a discount, for any terms and any amount', () => {
  test('is the greatest one that its terms allow, and so rounded down to a fen', () => {
    fc.assert(
      fc.property(amount, discount, (base, value) => {
        expect(BigInt(discountOn(fen(base), value))).toBe(greatestAllowed(base, value));
      }),
      RUNS,
    );
  });

  test('is never negative, never above its base nor its cap, and leaves a final amount that is neither', () => {
    fc.assert(
      fc.property(amount, discount, (base, value) => {
        const taken = discountOn(fen(base), value);
        const final = base - taken;
        expect(Number.isSafeInteger(taken) && Number.isSafeInteger(final)).toBe(true);
        expect(taken).toBeGreaterThanOrEqual(0);
        expect(final).toBeGreaterThanOrEqual(0);
        expect(taken + final).toBe(base);
        if (value.maxDiscount > 0) expect(taken).toBeLessThanOrEqual(value.maxDiscount);
      }),
      RUNS,
    );
  });

  test('does not shrink when the amount grows, and neither does what is left to pay', () => {
    fc.assert(
      fc.property(atMost(amount), discount, ([less, more], value) => {
        const [small, large] = [discountOn(less, value), discountOn(more, value)];
        expect(small).toBeLessThanOrEqual(large);
        expect(less - small).toBeLessThanOrEqual(more - large);
      }),
      RUNS,
    );
  });

  test('does not shrink when its cap grows, and is largest without one', () => {
    fc.assert(
      fc.property(amount, discount, atMost(positive), (base, value, [less, more]) => {
        const [low, high, none] = [less, more, fen(0)].map((maxDiscount) =>
          discountOn(fen(base), { ...value, maxDiscount }),
        );
        expect(low).toBeLessThanOrEqual(high ?? NaN);
        expect(high).toBeLessThanOrEqual(none ?? NaN);
      }),
      RUNS,
    );
  });

  test('of more percent or of more fen is not less', () => {
    fc.assert(
      fc.property(amount, discount, fc.integer({ min: 0, max: 100 }), (base, value, step) => {
        const most = value.discountType === 'percentage' ? 100 : Number.MAX_SAFE_INTEGER;
        const discountValue = Math.min(value.discountValue + step, most);
        const more = discountOn(fen(base), { ...value, discountValue });
        expect(discountOn(fen(base), value)).toBeLessThanOrEqual(more);
      }),
      RUNS,
    );
  });
});

describe('R13.2, R13.3: a coupon on an order, for any terms, plan and amount', () => {
  /** Amounts about the minimum, too: that is where an order begins to be enough. */
  const order = fc.oneof(
    fc.record({ amount, terms }),
    fc
      .tuple(terms, fc.integer({ min: -2, max: 2 }))
      .filter(([{ minOrderAmount }, step]) => minOrderAmount <= AMOUNT_MAX && minOrderAmount + step >= 0)
      .map(([given, step]) => ({ amount: given.minOrderAmount + step, terms: given })),
  );
  const planId = fc.constantFrom(...PLANS, 'a plan that no promotion names');

  test('takes off what the oracle says, or says which of its terms keeps it from it', () => {
    fc.assert(
      fc.property(order, planId, ({ amount: base, terms: given }, plan) => {
        const taken = greatestAllowed(base, given);
        const isOfPlan = given.planIds.length === 0 || given.planIds.some((id) => id === plan);
        const isEnough = base >= given.minOrderAmount;
        const isNothing = taken === 0n;
        const isRefusedAsFree = !isNothing && taken === BigInt(base) && !given.mayBeFree;
        const effect = couponEffect({ planId: plan, amount: fen(base) }, given);
        const refused = effect.kind === 'not_applicable' ? effect.why : undefined;
        expect(refused === 'plan').toBe(!isOfPlan);
        expect(refused === 'min_order_amount').toBe(isOfPlan && !isEnough);
        expect(refused === 'no_discount').toBe(isOfPlan && isEnough && isNothing);
        expect(refused === 'would_be_free').toBe(isOfPlan && isEnough && isRefusedAsFree);
        if (effect.kind === 'applies') expect(BigInt(effect.discount)).toBe(taken);
      }),
      RUNS,
    );
  });

  test('leaves something to pay unless it may make the order free', () => {
    fc.assert(
      fc.property(order, planId, ({ amount: base, terms: given }, plan) => {
        const effect = couponEffect({ planId: plan, amount: fen(base) }, given);
        if (effect.kind === 'applies' && !given.mayBeFree) expect(effect.discount).toBeLessThan(base);
      }),
      RUNS,
    );
  });
});
