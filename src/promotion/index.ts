/** What the root and orders may use of promotions and coupons. Meaning and invariants: README.md. */
export { checkPromotions, type PromotionReport } from './check-promotions';
export { CLAIM_CONNECTIONS, createClaimCommits, type ClaimCommits } from './claim-commits';
export { createClaimLimits, type ClaimLimits } from './claim-limits';
export { DUE_COUPONS_MAX, expireDueCoupons } from './expire-due-coupons.job';
export {
  countDiscount,
  holdCoupon,
  isReturned,
  moveCoupon,
  returnCoupon,
  type CouponUse,
  type HeldCoupon,
} from './held-coupon';
export { discountFor, findCoupon } from './price-coupon';
export { promotionErrors } from './promotion.errors';
export { createPromotionService } from './promotion.rpc';
export { highestCost } from './second-person';
