import { z } from 'zod';
import { platformErrors, type FieldViolation } from '../platform/errors';
import * as rules from '../platform/request-rules';
import type { DiscountTerms } from './discount';
import { protoPath, sameValue, type FieldName, type FieldValue, type PromotionFields } from './promotion-fields';

/**
 * The rules of a promotion's fields, pure; creation and change share them. Each violation names the field as the proto
 * does, `promotion.discount_value`.
 */

/** Far beyond any promotion, and small enough that sums and products of a few stay exact. */
const AMOUNT_MAX = 1_000_000_000_000;
const NAME_LENGTH_MAX = 64;
const PLAN_IDS_MAX = 100;
const VALID_DAYS_MAX = 3_650;

const wholeNumber = (min: number, max: number) =>
  z.number().int('must be a whole number').min(min, `must be at least ${min}`).max(max, `must be at most ${max}`);

const name = rules.freeText
  .refine(
    (text) => new RegExp(`^.{1,${NAME_LENGTH_MAX}}$`, 'su').test(text),
    `must have 1 to ${NAME_LENGTH_MAX} characters`,
  )
  .refine((text) => text === '' || text.trim() !== '', 'must not be blank')
  // They would show people who decide another name than is stored.
  .refine((text) => !/\p{Bidi_Control}/u.test(text), 'must not contain bidirectional controls');

const planIds = z
  .array(rules.opaqueId)
  .max(PLAN_IDS_MAX, `has more than ${PLAN_IDS_MAX} plans`)
  .refine((ids) => new Set(ids).size === ids.length, 'names a plan twice');

const DISCOUNT_TYPES: readonly DiscountTerms['discountType'][] = ['fixed_amount', 'percentage'];

/** No promotion is older than the business, and the driver reads years below 100 as others. */
const INSTANT_MIN_MS = Date.UTC(2000, 0, 1);

const instant = rules.optionalInstant.refine(
  (time) => time === undefined || time.getTime() >= INSTANT_MIN_MS,
  'is before the year 2000',
);

/** What each field must be, whatever the others are. */
const FIELD_RULES: Readonly<Record<FieldName, z.ZodType>> = {
  name,
  discountType: z.enum(DISCOUNT_TYPES, 'is not a known value'),
  discountValue: wholeNumber(1, AMOUNT_MAX),
  maxDiscount: wholeNumber(0, AMOUNT_MAX),
  minOrderAmount: wholeNumber(0, AMOUNT_MAX),
  planIds,
  totalQuota: wholeNumber(1, AMOUNT_MAX),
  budget: wholeNumber(0, AMOUNT_MAX),
  claimStartTime: instant,
  claimEndTime: instant,
  couponExpireTime: instant,
  couponValidDays: wholeNumber(0, VALID_DAYS_MAX),
  newUsersOnly: z.boolean(),
  mayBeFree: z.boolean(),
  returnedOnRefund: z.boolean(),
};

/** What fields must be together. The violation names the first of them that changes. */
interface Relation {
  readonly fields: readonly [FieldName, ...FieldName[]];
  readonly isKept: (fields: PromotionFields) => boolean;
  readonly description: string;
}

const isBefore = (first: Date, second: Date): boolean => first.getTime() < second.getTime();

const RELATIONS: readonly Relation[] = [
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
  return (Object.keys(fields) as FieldName[]).flatMap((field) => {
    const { error } = FIELD_RULES[field].safeParse(fields[field]);
    return (error?.issues ?? []).map(({ path, message }) => ({
      field: `${protoPath(field)}${path.map((step) => `[${String(step)}]`).join('')}`,
      description: message,
    }));
  });
}

/** What is wrong between fields, where at least one of them changes. Each of them alone is right. */
export function relationViolations(fields: PromotionFields, changed: readonly FieldName[]): FieldViolation[] {
  return RELATIONS.filter(({ isKept }) => !isKept(fields)).flatMap(({ fields: involved, description }) => {
    const named = involved.find((field) => changed.includes(field));
    return named === undefined ? [] : [{ field: protoPath(named), description }];
  });
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

/** Throws INVALID_REQUEST if there are violations. */
export function refuseViolations(fieldViolations: readonly FieldViolation[]): void {
  if (fieldViolations.length > 0) throw platformErrors.INVALID_REQUEST({ fieldViolations });
}
