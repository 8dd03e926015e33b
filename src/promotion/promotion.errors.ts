import { defineErrors } from '../platform/errors';

/** Refusals about promotions and coupons. */
export const promotionErrors = defineErrors({
  PROMOTION_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'There is no such promotion.',
  },
  PROMOTION_NOT_ACTIVE: {
    code: 'FAILED_PRECONDITION',
    message: 'The promotion does not allow this now: look at its status and its claim window.',
  },
  PROMOTION_SOLD_OUT: {
    code: 'FAILED_PRECONDITION',
    message: 'Every coupon of the promotion was claimed.',
  },
  PROMOTION_BUDGET_EXHAUSTED: {
    code: 'FAILED_PRECONDITION',
    message: 'What is left of the budget of the promotion does not cover the discount.',
  },
  COUPON_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'The user has no such coupon.',
  },
  COUPON_ALREADY_CLAIMED: {
    code: 'ALREADY_EXISTS',
    message: 'The user has claimed the coupon of this promotion before. ListCoupons shows it.',
  },
  COUPON_NOT_USABLE: {
    code: 'FAILED_PRECONDITION',
    message: 'The coupon is held by an order, was used, or has expired: look at its status.',
  },
  COUPON_NOT_APPLICABLE: {
    code: 'FAILED_PRECONDITION',
    message: 'The coupon does not apply to this order; metadata `why` says for which of its terms.',
  },
  USER_NOT_ELIGIBLE: {
    code: 'FAILED_PRECONDITION',
    message: 'The promotion is for users who never had a membership.',
  },
});

/** PROMOTION_BUDGET_EXHAUSTED for a coupon. */
export function budgetExhausted(couponId: string, promotionId: string): Error {
  const metadata = { coupon_id: couponId, promotion_id: promotionId };
  return promotionErrors.PROMOTION_BUDGET_EXHAUSTED({ metadata });
}
