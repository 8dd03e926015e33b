import { z } from 'zod';
import type { FieldViolation } from '../platform/errors';
import {
  brokenFields,
  brokenRelations,
  chosenInstant,
  shownName,
  wholeNumber,
  type Relation,
} from '../platform/field-rules';
import * as rules from '../platform/request-rules';
import type { DiscountTerms } from './discount';
import { protoPath, sameValue, type FieldName, type FieldValue, type PromotionFields } from './promotion-fields';

/**
 * The rules of a promotion's fields, pure; creation and change share them. Each violation names the field as the proto
 * does, `promotion.discount_value`.
 */

/** Far beyond any promotion, and small enough that sums and products of a few stay exact. */
const AMOUNT_MAX = 1_000_000_000_000;
const PLAN_IDS_MAX = 100;
const VALID_DAYS_MAX = 3_650;

const planIds = z
  .array(rules.opaqueId)
  .max(PLAN_IDS_MAX, `has more than ${PLAN_IDS_MAX} plans`)
  .refine((ids) => new Set(ids).size === ids.length, 'names a plan twice');

const DISCOUNT_TYPES: readonly DiscountTerms['discountType'][] = ['fixed_amount', 'percentage'];

/** What each field must be, whatever the others are. */
const FIELD_RULES: Readonly<Record<FieldName, z.ZodType>> = {
  name: shownName,
  discountType: z.enum(DISCOUNT_TYPES, 'is not a known value'),
  discountValue: wholeNumber(1, AMOUNT_MAX),
  maxDiscount: wholeNumber(0, AMOUNT_MAX),
  minOrderAmount: wholeNumber(0, AMOUNT_MAX),
  planIds,
  totalQuota: wholeNumber(1, AMOUNT_MAX),
  budget: wholeNumber(0, AMOUNT_MAX),
  claimStartTime: chosenInstant,
  claimEndTime: chosenInstant,
  couponExpireTime: chosenInstant,
  couponValidDays: wholeNumber(0, VALID_DAYS_MAX),
  newUsersOnly: z.boolean(),
  mayBeFree: z.boolean(),
  returnedOnRefund: z.boolean(),
};

const isBefore = (first: Date, second: Date): boolean => first.getTime() < second.getTime();

const RELATIONS: readonly Relation<PromotionFields>[] = [
  {
    fields: ['discountValue', 'discountType'],
    isKept: ({ discountType, discountValue }) => discountType !== 'percentage' || discountValue <= 100,
    description: 'must be at most 100 percent',
  },
  {
    fields: ['claimEndTime', 'claimStartTime'],
    isKept: ({ claimStartTime: start, claimEndTime: end }) =>
      start === undefined || end === undefined || isBefore(start, end),
    description: 'claim_end_time must be after claim_start_time',
  },
  {
    fields: ['couponExpireTime', 'couponValidDays'],
    isKept: ({ couponExpireTime, couponValidDays }) => (couponExpireTime === undefined) === couponValidDays > 0,
    description: 'exactly one of coupon_expire_time and coupon_valid_days must be set',
  },
  {
    fields: ['couponExpireTime', 'claimEndTime'],
    isKept: ({ couponExpireTime: expiry, claimEndTime: end }) =>
      expiry === undefined || end === undefined || !isBefore(expiry, end),
    description: 'coupon_expire_time must not be before claim_end_time',
  },
];

/** What is wrong with each of the fields that are given, taken alone. */
export function fieldViolations(fields: Readonly<Partial<Record<FieldName, unknown>>>): FieldViolation[] {
  return brokenFields(FIELD_RULES, protoPath, fields);
}

/** What is wrong between fields, where at least one of them changes. Each of them alone is right. */
export function relationViolations(fields: PromotionFields, changed: readonly FieldName[]): FieldViolation[] {
  return brokenRelations(RELATIONS, protoPath, fields, changed);
}

/**
 * What is wrong with the new fields at this instant. Apart from the rest: a repeated request is answered from what was
 * stored, however late it comes.
 */
export function timeViolations(fields: Readonly<Partial<PromotionFields>>, now: Date): FieldViolation[] {
  const { couponExpireTime } = fields;
  if (couponExpireTime === undefined || isBefore(now, couponExpireTime)) return [];
  return [{ field: protoPath('couponExpireTime'), description: 'must be in the future' }];
}

/** What may still be changed once a promotion has left draft; its coupons were claimed under the rest. */
const CHANGEABLE: ReadonlySet<FieldName> = new Set(['name', 'totalQuota', 'budget', 'claimEndTime']);

/** How much of a promotion is out already. */
export interface PromotionUse {
  readonly claimedCount: number;
  readonly budgetUsed: number;
}

/** What a promotion that has left draft does not let happen to its fields. */
export function frozenViolations(
  stored: PromotionFields & PromotionUse,
  wanted: PromotionFields,
  changed: readonly FieldName[],
): FieldViolation[] {
  const found = changed
    .filter((field) => !CHANGEABLE.has(field))
    .map((field) => ({ field: protoPath(field), description: 'is frozen once the promotion has left draft' }));
  if ((stored.budget === 0) !== (wanted.budget === 0)) {
    found.push({ field: protoPath('budget'), description: 'can not be added or taken away after draft' });
  } else if (wanted.budget < stored.budgetUsed) {
    found.push({ field: protoPath('budget'), description: 'must not be below what is used' });
  }
  if (wanted.totalQuota < stored.claimedCount) {
    found.push({ field: protoPath('totalQuota'), description: 'must not be below what is claimed' });
  }
  return found;
}

/** The fields of which something else is wanted than what is stored. */
export function changedFields(stored: PromotionFields, wanted: Readonly<Partial<PromotionFields>>): FieldName[] {
  const named = Object.entries(wanted) as [FieldName, FieldValue][];
  return named.filter(([field, value]) => !sameValue(stored[field], value)).map(([field]) => field);
}
