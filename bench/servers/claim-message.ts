import { CouponStatus, type ClaimCouponResponse } from '../../src/gen/billing/v1/promotion_service.pb';
import type { CouponRow } from '../../src/promotion/coupon.model';

/** What a claim came to. */
export type ClaimedCoupon = Pick<CouponRow, 'id' | 'userId' | 'promotionId' | 'claimTime' | 'expireTime'>;

/** The answer to a claim that made this coupon, or had made it before. Nobody orders here, so it is unused. */
export function toClaimResponse(coupon: ClaimedCoupon, replayed: boolean): ClaimCouponResponse {
  const { id, userId, promotionId, claimTime, expireTime } = coupon;
  const status = CouponStatus.UNUSED;
  return { coupon: { couponId: id, userId, promotionId, status, orderId: '', claimTime, expireTime }, replayed };
}
