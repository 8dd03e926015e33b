import { Model } from 'objection';
import { fen, type Fen } from '../platform/money';
import type { DiscountTerms } from './discount';

/** Where a promotion stands. */
export type PromotionStatus = 'draft' | 'active' | 'paused' | 'ended';

/** A row of `promotions`. Its terms are frozen by the database once it has left `draft`. */
export class PromotionRow extends Model {
  static override tableName = 'promotions';

  declare id: string;
  declare name: string;
  declare status: PromotionStatus;
  declare discountType: DiscountTerms['discountType'];
  declare discountValue: number;
  /** Fen; 0 for no limit. */
  declare maxDiscount: number;
  declare minOrderAmount: number;
  /** JSON of string[]; empty: every plan. */
  declare planIds: string;
  /** 0 or 1, as are the next two. */
  declare newUsersOnly: number;
  declare mayBeFree: number;
  declare returnedOnRefund: number;
  declare totalQuota: number;
  declare claimedCount: number;
  /** Fen; 0 for no limit. */
  declare budget: number;
  /** Fen that coupons take off orders which hold or used them; 0 without a budget. */
  declare budgetUsed: number;
  declare claimStartTime: Date | null;
  declare claimEndTime: Date | null;
  declare couponExpireTime: Date | null;
  /** 0 where couponExpireTime is set. */
  declare couponValidDays: number;
  declare createdBy: string;
  /** JSON of string[]: identities that made it what it is and that no second person has agreed to yet. */
  declare editors: string;
  /** Goes up with every edit. */
  declare revision: number;
  declare createTime: Date;
}

/** What the discount of a promotion's coupons is computed from. */
export function termsOf(row: PromotionRow): DiscountTerms {
  const { discountType, discountValue } = row;
  return {
    discountType,
    discountValue,
    maxDiscount: fen(row.maxDiscount),
    minOrderAmount: fen(row.minOrderAmount),
    planIds: JSON.parse(row.planIds) as string[],
    mayBeFree: row.mayBeFree !== 0,
  };
}

/** What is left of a promotion's budget; undefined where it has none. */
export function budgetLeft({ budget, budgetUsed }: Pick<PromotionRow, 'budget' | 'budgetUsed'>): Fen | undefined {
  return budget === 0 ? undefined : fen(budget - budgetUsed);
}
