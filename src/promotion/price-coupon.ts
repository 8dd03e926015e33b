import type { Knex } from 'knex';
import type { Fen } from '../platform/money';
import { readCoupon } from './coupon.queries';
import { nextCouponStatus, statusAt } from './coupon-state';
import { couponEffect } from './discount';
import type { HeldCoupon } from './held-coupon';
import { budgetExhausted, promotionErrors } from './promotion.errors';
import { budgetLeft, PromotionRow, termsOf } from './promotion.model';

/** An order that a coupon is to be used for. */
export interface CouponOrder {
  readonly userId: string;
  readonly planId: string;
  /** What the order would charge without the coupon (实付). */
  readonly amount: Fen;
  /** Whether the user ever had a membership. */
  readonly isMember: boolean;
}

/** A coupon with its promotion as they are, nothing locked: to quote. Throws COUPON_NOT_FOUND. */
export async function findCoupon(reader: Knex, couponId: string, userId: string): Promise<HeldCoupon> {
  const coupon = await readCoupon(reader, couponId, userId);
  const promotion = await PromotionRow.query(reader).findById(coupon.promotionId).throwIfNotFound();
  return { coupon, promotion };
}

/**
 * What a coupon takes off an order. Refuses, in this order: COUPON_NOT_FOUND (not this user's), COUPON_NOT_USABLE
 * (held, used or expired), USER_NOT_ELIGIBLE, COUPON_NOT_APPLICABLE, PROMOTION_BUDGET_EXHAUSTED (as far as can be seen
 * without a lock: countDiscount decides).
 */
export function discountFor(held: HeldCoupon, order: CouponOrder, now: Date): Fen {
  const { coupon, promotion } = held;
  const metadata = { coupon_id: coupon.id };
  if (coupon.userId !== order.userId) throw promotionErrors.COUPON_NOT_FOUND({ metadata });
  if (nextCouponStatus(coupon, 'locked', now) === undefined) {
    throw promotionErrors.COUPON_NOT_USABLE({ metadata: { ...metadata, status: statusAt(coupon, now) } });
  }
  if (promotion.newUsersOnly !== 0 && order.isMember) throw promotionErrors.USER_NOT_ELIGIBLE({ metadata });
  const effect = couponEffect(order, termsOf(promotion));
  if (effect.kind === 'not_applicable') {
    throw promotionErrors.COUPON_NOT_APPLICABLE({ metadata: { ...metadata, why: effect.why } });
  }
  const left = budgetLeft(promotion);
  if (left !== undefined && effect.discount > left) throw budgetExhausted(coupon.id, promotion.id);
  return effect.discount;
}
