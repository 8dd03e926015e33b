import type { ContentValue } from '../platform/request-content';
import type { DiscountTerms } from './discount';
import type { PromotionRow } from './promotion.model';

/** What people decide about a promotion, in the forms that it takes: a request's content, a row, an audit row. Pure. */
export interface PromotionFields {
  readonly name: string;
  readonly discountType: DiscountTerms['discountType'];
  readonly discountValue: number;
  readonly maxDiscount: number;
  readonly minOrderAmount: number;
  readonly planIds: readonly string[];
  readonly totalQuota: number;
  readonly budget: number;
  readonly claimStartTime: Date | undefined;
  readonly claimEndTime: Date | undefined;
  readonly couponExpireTime: Date | undefined;
  readonly couponValidDays: number;
  readonly newUsersOnly: boolean;
  readonly mayBeFree: boolean;
  readonly returnedOnRefund: boolean;
}

export type FieldName = keyof PromotionFields;
export type FieldValue = PromotionFields[FieldName];

/** The names that proto, audit rows and events use. */
const PROTO_NAMES: Readonly<Record<FieldName, string>> = {
  name: 'name',
  discountType: 'discount_type',
  discountValue: 'discount_value',
  maxDiscount: 'max_discount',
  minOrderAmount: 'min_order_amount',
  planIds: 'plan_ids',
  totalQuota: 'total_quota',
  budget: 'budget',
  claimStartTime: 'claim_start_time',
  claimEndTime: 'claim_end_time',
  couponExpireTime: 'coupon_expire_time',
  couponValidDays: 'coupon_valid_days',
  newUsersOnly: 'new_users_only',
  mayBeFree: 'may_be_free',
  returnedOnRefund: 'returned_on_refund',
};

/** Every field. */
export const FIELD_NAMES = Object.keys(PROTO_NAMES) as readonly FieldName[];

/** The proto name of a field. */
export function protoName(field: FieldName): string {
  return PROTO_NAMES[field];
}

/** Where a field stands in a request. */
export function protoPath(field: FieldName): string {
  return `promotion.${PROTO_NAMES[field]}`;
}

/** The field that a proto name means, if people may decide about it. */
export function fieldOf(name: string): FieldName | undefined {
  return FIELD_NAMES.find((field) => PROTO_NAMES[field] === name);
}

/** A value as text or number that can be compared, hashed and written down. The order of plans says nothing. */
function plain(value: FieldValue): ContentValue {
  if (value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? [...value].sort() : value;
}

/** Whether two values of a field mean the same. */
export function sameValue(first: FieldValue, second: FieldValue): boolean {
  return JSON.stringify(plain(first)) === JSON.stringify(plain(second));
}

/** Fields by their proto names: what a request's content, an audit row or an event says of them. */
export function describeFields(
  fields: Readonly<Partial<PromotionFields>>,
  names: readonly FieldName[] = FIELD_NAMES,
): Record<string, ContentValue> {
  return Object.fromEntries(
    names.filter((field) => field in fields).map((field) => [PROTO_NAMES[field], plain(fields[field])]),
  );
}

type FieldColumns = Pick<PromotionRow, FieldName>;

/** The columns that hold the fields. */
export function toColumns(fields: PromotionFields): FieldColumns {
  const { planIds, claimStartTime, claimEndTime, couponExpireTime } = fields;
  return {
    ...fields,
    planIds: JSON.stringify(planIds),
    claimStartTime: claimStartTime ?? null,
    claimEndTime: claimEndTime ?? null,
    couponExpireTime: couponExpireTime ?? null,
    newUsersOnly: Number(fields.newUsersOnly),
    mayBeFree: Number(fields.mayBeFree),
    returnedOnRefund: Number(fields.returnedOnRefund),
  };
}

/** The fields that columns hold. */
export function fromColumns(row: FieldColumns): PromotionFields {
  const { name, discountType, discountValue, maxDiscount, minOrderAmount, totalQuota, budget, couponValidDays } = row;
  return {
    name,
    discountType,
    discountValue,
    maxDiscount,
    minOrderAmount,
    planIds: JSON.parse(row.planIds) as string[],
    totalQuota,
    budget,
    claimStartTime: row.claimStartTime ?? undefined,
    claimEndTime: row.claimEndTime ?? undefined,
    couponExpireTime: row.couponExpireTime ?? undefined,
    couponValidDays,
    newUsersOnly: row.newUsersOnly !== 0,
    mayBeFree: row.mayBeFree !== 0,
    returnedOnRefund: row.returnedOnRefund !== 0,
  };
}
