import { FIELD_NAMES, type FieldName, type PromotionFields } from '../../../src/promotion/promotion-fields';
import {
  changedFields,
  fieldViolations,
  frozenViolations,
  relationViolations,
  timeViolations,
} from '../../../src/promotion/promotion-terms';

const NOW = new Date('2026-06-01T00:00:00.000Z');
const after = (ms: number): Date => new Date(NOW.getTime() + ms);

const FIELDS: PromotionFields = {
  name: '立减',
  discountType: 'fixed_amount',
  discountValue: 100,
  maxDiscount: 0,
  minOrderAmount: 0,
  planIds: [],
  totalQuota: 5,
  budget: 0,
  claimStartTime: undefined,
  claimEndTime: undefined,
  couponExpireTime: undefined,
  couponValidDays: 30,
  newUsersOnly: false,
  mayBeFree: false,
  returnedOnRefund: false,
};

/** What a whole promotion with these changes is refused for. */
function problemsOf(changes: Readonly<Partial<Record<FieldName, unknown>>>): readonly string[] {
  const fields = { ...FIELDS, ...changes } as PromotionFields;
  return [...fieldViolations(fields), ...relationViolations(fields, FIELD_NAMES)].map(({ field }) => field);
}

const TRILLION = 1_000_000_000_000;

describe('the terms of a promotion', () => {
  test.each<[string, Readonly<Partial<Record<FieldName, unknown>>>]>([
    ['as they are usual', {}],
    ['with a name of 64 characters, each of two code units', { name: '👕'.repeat(64) }],
    [
      'with the smallest and the largest amounts',
      { discountValue: 1, maxDiscount: TRILLION, minOrderAmount: TRILLION },
    ],
    ['with the largest stock and budget', { totalQuota: TRILLION, budget: TRILLION }],
    ['of 100 percent', { discountType: 'percentage', discountValue: 100 }],
    ['of a fixed amount above 100', { discountValue: 101 }],
    ['for 100 plans', { planIds: Array.from({ length: 100 }, (_, i) => `plan-${i}`) }],
    ['with a window of a millisecond', { claimStartTime: NOW, claimEndTime: after(1) }],
    ['with coupons until the claims end', { claimEndTime: NOW, couponExpireTime: NOW, couponValidDays: 0 }],
    ['with coupons for 3650 days', { couponValidDays: 3_650 }],
  ])('are right %s', (_what, changes) => {
    expect(problemsOf(changes)).toEqual([]);
  });

  test.each<[string, Readonly<Partial<Record<FieldName, unknown>>>, string]>([
    ['without a name', { name: '' }, 'name'],
    ['with a name of 65 characters', { name: '名'.repeat(65) }, 'name'],
    ['with a line break in the name', { name: 'a\nb' }, 'name'],
    ['with a name of spaces', { name: '   ' }, 'name'],
    ['with a name that reads otherwise than it is stored', { name: '立减\u202e001' }, 'name'],
    ['without a type', { discountType: undefined }, 'discount_type'],
    ['of nothing', { discountValue: 0 }, 'discount_value'],
    ['of less than nothing', { discountValue: -1 }, 'discount_value'],
    ['of more than a trillion', { discountValue: TRILLION + 1 }, 'discount_value'],
    ['of 101 percent', { discountType: 'percentage', discountValue: 101 }, 'discount_value'],
    ['with half a fen', { maxDiscount: 0.5 }, 'max_discount'],
    ['with a negative limit', { maxDiscount: -1 }, 'max_discount'],
    ['with a negative minimum', { minOrderAmount: -1 }, 'min_order_amount'],
    ['without stock', { totalQuota: 0 }, 'total_quota'],
    ['with stock beyond a trillion', { totalQuota: TRILLION + 1 }, 'total_quota'],
    ['with a negative budget', { budget: -1 }, 'budget'],
    ['with a budget beyond a trillion', { budget: TRILLION + 1 }, 'budget'],
    ['with a plan twice', { planIds: ['a', 'b', 'a'] }, 'plan_ids'],
    ['with 101 plans', { planIds: Array.from({ length: 101 }, (_, i) => `plan-${i}`) }, 'plan_ids'],
    ['with an empty plan id', { planIds: ['monthly', ''] }, 'plan_ids[1]'],
    ['with a window that ends where it starts', { claimStartTime: NOW, claimEndTime: NOW }, 'claim_end_time'],
    ['with an instant that is none', { claimStartTime: new Date(Number.NaN) }, 'claim_start_time'],
    [
      'with an instant before the year 2000',
      { claimStartTime: new Date('1999-12-31T23:59:59.999Z') },
      'claim_start_time',
    ],
    ['without validity', { couponValidDays: 0 }, 'coupon_expire_time'],
    ['with validity twice', { couponExpireTime: after(1) }, 'coupon_expire_time'],
    ['with negative days', { couponValidDays: -1, couponExpireTime: after(1) }, 'coupon_valid_days'],
    ['with 3651 days', { couponValidDays: 3_651 }, 'coupon_valid_days'],
    [
      'with coupons that end before the claims do',
      { claimEndTime: after(2), couponExpireTime: after(1), couponValidDays: 0 },
      'coupon_expire_time',
    ],
  ])('are refused %s, by the proto path', (_what, changes, field) => {
    expect(problemsOf(changes)).toEqual([`promotion.${field}`]);
  });

  test('are refused for all that is wrong at once', () => {
    const wrong = { name: '', discountType: undefined, totalQuota: 0, couponValidDays: 0 };
    expect(problemsOf(wrong)).toEqual(
      ['name', 'discount_type', 'total_quota', 'coupon_expire_time'].map((name) => `promotion.${name}`),
    );
  });

  test('name what changes where fields do not go together, and nothing where neither changes', () => {
    const fields = { ...FIELDS, claimStartTime: after(2), claimEndTime: after(1) };
    const named = (changed: FieldName[]) => relationViolations(fields, changed).map(({ field }) => field);
    expect(named(['claimStartTime'])).toEqual(['promotion.claim_start_time']);
    expect(named(['claimEndTime'])).toEqual(['promotion.claim_end_time']);
    expect(named(['name'])).toEqual([]);
  });

  test('let no coupon be born expired: its end is exclusive', () => {
    expect(timeViolations({ couponExpireTime: after(1) }, NOW)).toEqual([]);
    expect(timeViolations({}, NOW)).toEqual([]);
    for (const time of [NOW, after(-1)]) {
      expect(timeViolations({ couponExpireTime: time }, NOW)).toMatchObject([
        { field: 'promotion.coupon_expire_time' },
      ]);
    }
  });
});

describe('the terms of a promotion that has left draft', () => {
  const stored = { ...FIELDS, budget: 500, claimedCount: 3, budgetUsed: 200 };
  const problems = (changes: Partial<PromotionFields>, from = stored) =>
    frozenViolations(from, { ...from, ...changes }, changedFields(from, changes)).map(({ field }) => field);

  test.each<[string, Partial<PromotionFields>]>([
    ['another name', { name: '新' }],
    ['a stock of just what is claimed', { totalQuota: 3 }],
    ['more stock', { totalQuota: 6 }],
    ['a budget of just what is used', { budget: 200 }],
    ['more budget', { budget: 501 }],
    ['another end of claims', { claimEndTime: NOW }],
    ['what it has already', { discountValue: 100, planIds: [], couponValidDays: 30 }],
  ])('may take %s', (_what, changes) => {
    expect(problems(changes)).toEqual([]);
  });

  const frozen: readonly Partial<PromotionFields>[] = [
    { discountType: 'percentage' },
    { discountValue: 99 },
    { maxDiscount: 1 },
    { minOrderAmount: 1 },
    { planIds: ['monthly'] },
    { claimStartTime: NOW },
    { couponExpireTime: NOW },
    { couponValidDays: 31 },
    { newUsersOnly: true },
    { mayBeFree: true },
    { returnedOnRefund: true },
  ];
  test.each(frozen)('refuse %j', (changes) => {
    const [field = ''] = Object.keys(changes);
    expect(problems(changes)).toEqual([`promotion.${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`]);
  });

  test('are all that there are: every other field may change', () => {
    const named = frozen.flatMap((changes) => Object.keys(changes));
    expect([...named, 'name', 'totalQuota', 'budget', 'claimEndTime'].sort()).toEqual([...FIELD_NAMES].sort());
  });

  test('never go below what is out, nor gain or lose a budget', () => {
    expect(problems({ totalQuota: 2 })).toEqual(['promotion.total_quota']);
    expect(problems({ budget: 199 })).toEqual(['promotion.budget']);
    expect(problems({ budget: 0 })).toEqual(['promotion.budget']);
    expect(problems({ budget: 1 }, { ...stored, budget: 0, budgetUsed: 0 })).toEqual(['promotion.budget']);
  });
});
