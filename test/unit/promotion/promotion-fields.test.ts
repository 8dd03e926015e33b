import {
  describeFields,
  FIELD_NAMES,
  fieldOf,
  fromColumns,
  protoName,
  sameValue,
  toColumns,
  type PromotionFields,
} from '../../../src/promotion/promotion-fields';

const FIELDS: PromotionFields = {
  name: '双十一',
  discountType: 'percentage',
  discountValue: 15,
  maxDiscount: 3_000,
  minOrderAmount: 500,
  planIds: ['yearly', 'monthly'],
  totalQuota: 7,
  budget: 0,
  claimStartTime: undefined,
  claimEndTime: new Date('2026-11-12T00:00:00.000Z'),
  couponExpireTime: new Date('2026-12-01T00:00:00.000Z'),
  couponValidDays: 0,
  newUsersOnly: true,
  mayBeFree: false,
  returnedOnRefund: true,
};

describe('the fields of a promotion', () => {
  test('survive the way into columns and back; what is unset is NULL, what is true is 1', () => {
    const columns = toColumns(FIELDS);
    expect(columns).toMatchObject({
      claimStartTime: null,
      newUsersOnly: 1,
      mayBeFree: 0,
      planIds: '["yearly","monthly"]',
    });
    expect(fromColumns(columns)).toEqual(FIELDS);
  });

  test('have proto names that lead back to them; what is read only is none of them', () => {
    for (const field of FIELD_NAMES) expect(fieldOf(protoName(field))).toBe(field);
    for (const name of [
      'promotion_id',
      'status',
      'claimed_count',
      'budget_used',
      'created_by',
      'create_time',
      '*',
      '',
    ]) {
      expect(fieldOf(name)).toBeUndefined();
    }
  });

  test('are compared by meaning: instants by time, plans as a set', () => {
    expect(sameValue(new Date(5), new Date(5))).toBe(true);
    expect(sameValue(new Date(5), new Date(6))).toBe(false);
    expect(sameValue(undefined, new Date(0))).toBe(false);
    expect(sameValue(['a', 'b'], ['b', 'a'])).toBe(true);
    expect(sameValue(['a'], ['a', 'b'])).toBe(false);
    expect(sameValue(false, true)).toBe(false);
  });

  test('are described by proto name, only those that are there', () => {
    expect(describeFields({ planIds: ['b', 'a'], claimEndTime: undefined })).toEqual({
      plan_ids: ['a', 'b'],
      claim_end_time: '',
    });
    expect(Object.keys(describeFields(FIELDS))).toHaveLength(FIELD_NAMES.length);
  });
});
