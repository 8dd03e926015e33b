import { fen } from '../../../src/platform/money';
import { highestCost, needsSecondPerson } from '../../../src/promotion/second-person';

const TERMS = {
  discountType: 'fixed_amount',
  discountValue: 1_000,
  maxDiscount: 0,
  totalQuota: 10,
  budget: 0,
  mayBeFree: false,
} as const;
const PERCENT = { ...TERMS, discountType: 'percentage', discountValue: 15 } as const;
const PRICE = fen(9_900);
const TRILLION = 1_000_000_000_000;

describe('what a promotion can cost', () => {
  test.each([
    ['its budget, whatever its stock', { ...TERMS, budget: 77, totalQuota: TRILLION }, PRICE, 77n],
    ['its stock times the amount', TERMS, PRICE, 10_000n],
    ['its stock times the most that a coupon takes off', { ...TERMS, maxDiscount: 300 }, PRICE, 3_000n],
    ['its stock times the amount, where the limit is above it', { ...TERMS, maxDiscount: 5_000 }, PRICE, 10_000n],
    ['its stock times the part of the dearest plan, rounded down', PERCENT, fen(9_999), 14_990n],
    ['no more than the limit for each, of a percentage', { ...PERCENT, maxDiscount: 1_000 }, PRICE, 10_000n],
    ['what the limit says, with no plan on sale', { ...PERCENT, maxDiscount: 1_000 }, undefined, 10_000n],
    ['nobody knows what, with neither limit nor plan', PERCENT, undefined, undefined],
    ['told exactly beyond 2^53', { ...TERMS, discountValue: TRILLION, totalQuota: TRILLION }, PRICE, 10n ** 24n],
  ] as const)('is %s', (_what, terms, dearest, cost) => {
    expect(highestCost(terms, dearest)).toBe(cost);
  });
});

describe('a second person', () => {
  test('is needed for what costs more than the limit, not for what costs just as much', () => {
    expect(needsSecondPerson(TERMS, PRICE, 10_000)).toBe(false);
    expect(needsSecondPerson(TERMS, PRICE, 9_999)).toBe(true);
    expect(needsSecondPerson({ ...TERMS, discountValue: TRILLION, totalQuota: TRILLION }, PRICE, 10_000)).toBe(true);
  });

  test('is needed for what may make an order free, however little it costs, and for what nothing bounds', () => {
    expect(needsSecondPerson({ ...TERMS, budget: 1, mayBeFree: true }, PRICE, 10_000)).toBe(true);
    expect(needsSecondPerson(PERCENT, undefined, TRILLION)).toBe(true);
  });
});
