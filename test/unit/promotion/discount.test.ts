import { fen } from '../../../src/platform/money';
import {
  couponEffect,
  discountOn,
  type CouponEffect,
  type DiscountTerms,
  type NotApplicable,
} from '../../../src/promotion/discount';

const MOST = Number.MAX_SAFE_INTEGER;

/** R13.2, spelt out. */
describe('R13.2: the discount on an amount', () => {
  test.each<[value: number, cap: number, amount: number, discount: number, why: string]>([
    [500, 0, 2_990, 500, 'the value'],
    [500, 0, 500, 500, 'the whole amount'],
    [500, 0, 499, 499, 'no more than the amount'],
    [500, 0, 1, 1, 'no more than one fen'],
    [500, 0, 0, 0, 'nothing off nothing'],
    [500, 300, 2_990, 300, 'no more than the cap'],
    [500, 500, 2_990, 500, 'a cap that just allows it'],
    [500, 300, 200, 200, 'no more than the amount, whatever the cap'],
    [1, 0, 1, 1, 'one fen off one fen'],
    [MOST, 0, MOST, MOST, 'the largest amount there is'],
  ])('fixed %d, cap %d, on %d fen: %d (%s)', (discountValue, cap, amount, discount) => {
    expect(discountOn(fen(amount), { discountType: 'fixed_amount', discountValue, maxDiscount: fen(cap) })).toBe(
      discount,
    );
  });

  test.each<[percent: number, cap: number, amount: number, discount: number, why: string]>([
    [10, 0, 2_990, 299, 'no remainder'],
    [10, 0, 2_999, 299, '299.9 rounded down'],
    [15, 0, 1_990, 298, '298.5 rounded down, not half up'],
    [1, 0, 1, 0, 'a hundredth of a fen'],
    [1, 0, 99, 0, 'not yet a fen'],
    [1, 0, 100, 1, 'just a fen'],
    [99, 0, 1, 0, '0.99 fen'],
    [100, 0, 1, 1, 'the whole fen'],
    [100, 0, 99, 99, 'the whole amount'],
    [100, 0, 0, 0, 'all of nothing'],
    [50, 0, 0, 0, 'half of nothing'],
    [29, 0, 100, 29, 'floating point says 28.999…'],
    [57, 0, 100, 57, 'floating point says 56.999…'],
    [50, 1_000, 10_000, 1_000, 'no more than the cap'],
    [50, 1_000, 2_001, 1_000, 'the cap from there on'],
    [50, 1_000, 1_999, 999, 'below the cap'],
    [100, 1, 99, 1, 'a cap of one fen'],
    [7, 0, 9_007_199_254_740_899, 630_503_947_831_862, 'the product is no safe integer: a float says …863'],
    [100, 0, MOST, MOST, 'the largest amount there is'],
  ])('%d %%, cap %d, on %d fen: %d (%s)', (discountValue, cap, amount, discount) => {
    expect(discountOn(fen(amount), { discountType: 'percentage', discountValue, maxDiscount: fen(cap) })).toBe(
      discount,
    );
  });

  test.each([
    ['percentage', 0],
    ['percentage', 101],
    ['percentage', -1],
    ['percentage', 1.5],
    ['fixed_amount', 0],
    ['fixed_amount', -500],
    ['fixed_amount', 0.5],
    ['fixed_amount', MOST + 1],
    ['fixed_amount', NaN],
  ] as const)('%s %d is no discount: the program is wrong', (discountType, discountValue) => {
    expect(() => discountOn(fen(100), { discountType, discountValue, maxDiscount: fen(0) })).toThrow('not a ');
  });
});

describe('R13.2, R13.3: a coupon on an order', () => {
  const terms: DiscountTerms = {
    discountType: 'percentage',
    discountValue: 50,
    maxDiscount: fen(0),
    minOrderAmount: fen(1_000),
    planIds: ['pro'],
    mayBeFree: false,
  };
  const half: CouponEffect = { kind: 'applies', discount: fen(500) };
  const refused = (why: NotApplicable): CouponEffect => ({
    kind: 'not_applicable',
    why,
  });

  test.each<[name: string, change: Partial<DiscountTerms>, planId: string, amount: number, effect: CouponEffect]>([
    ['applies to a plan it names', {}, 'pro', 1_000, half],
    ['applies to every plan when it names none', { planIds: [] }, 'basic', 1_000, half],
    ['does not apply to another plan', {}, 'basic', 1_000, refused('plan')],
    ['does not apply to a plan whose name only begins the same', {}, 'pro-max', 1_000, refused('plan')],
    ['does not apply below its minimum', {}, 'pro', 999, refused('min_order_amount')],
    ['says that the plan is wrong before it says that the amount is', {}, 'basic', 999, refused('plan')],
    ['makes no order free', { discountValue: 100 }, 'pro', 1_000, refused('would_be_free')],
    [
      'says that the amount is too small before it says that the order would be free',
      { discountValue: 100 },
      'pro',
      999,
      refused('min_order_amount'),
    ],
    [
      'makes an order free that it may make free',
      { discountValue: 100, mayBeFree: true },
      'pro',
      1_000,
      { kind: 'applies', discount: fen(1_000) },
    ],
    [
      'leaves the last fen',
      { discountType: 'fixed_amount', discountValue: 999 },
      'pro',
      1_000,
      { kind: 'applies', discount: fen(999) },
    ],
    [
      'makes no order free by a fixed amount',
      { discountType: 'fixed_amount', discountValue: 1_000 },
      'pro',
      1_000,
      refused('would_be_free'),
    ],
    ['does not apply to what is free', { minOrderAmount: fen(0) }, 'pro', 0, refused('no_discount')],
    ['nor where it may make it free', { minOrderAmount: fen(0), mayBeFree: true }, 'pro', 0, refused('no_discount')],
    [
      'is not spent where it comes to nothing',
      { discountValue: 1, minOrderAmount: fen(0) },
      'pro',
      99,
      refused('no_discount'),
    ],
    [
      'is spent for a single fen',
      { discountValue: 1, minOrderAmount: fen(0) },
      'pro',
      100,
      { kind: 'applies', discount: fen(1) },
    ],
  ])('%s', (_, change, planId, amount, effect) => {
    expect(couponEffect({ planId, amount: fen(amount) }, { ...terms, ...change })).toEqual(effect);
  });

  test('R13.3: the base is what the order would charge, not the list price', () => {
    const [listPrice, promotionPrice] = [fen(3_000), fen(1_990)];
    expect(couponEffect({ planId: 'pro', amount: promotionPrice }, terms)).toEqual({ kind: 'applies', discount: 995 });
    expect(discountOn(listPrice, terms)).toBe(1_500);
  });
});
