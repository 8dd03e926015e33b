import {
  ClaimCouponRequest,
  ListCouponsRequest,
  PromotionStatus,
  type ClaimCouponResponse,
  type Coupon,
  type Promotion,
} from '../../src/gen/billing/v1/promotion_service.pb';
import { call, mustSucceed, type Reply } from './clients';
import type { TestDatabase } from './database';
import { newId } from './harness';
import { makeDraft, setStatusCall, type Callers } from './promotion-calls';

/** Coupons as the order service calls for them, and promotions to claim them from. */

/** Fields of a promotion that may be left to what is usual. */
export type PromotionFields = Partial<Omit<Promotion, 'status' | 'claimedCount' | 'budgetUsed'>>;

/** Creates a promotion: 10 yuan off, a stock of 100, coupons for 30 days, but for the fields given. Returns its id. */
export async function createPromotion(callers: Callers, fields: PromotionFields = {}): Promise<string> {
  const validity = fields.couponExpireTime === undefined ? {} : { couponValidDays: 0 };
  const { promotionId } = await makeDraft(callers, { totalQuota: 100, ...validity, ...fields });
  return promotionId;
}

/** Moves a promotion, as a second person. */
export async function setStatus(callers: Callers, promotionId: string, status: PromotionStatus): Promise<void> {
  await mustSucceed(setStatusCall(callers, promotionId, status, { as: 'operations-2' }));
}

/** Creates a promotion that coupons can be claimed from. */
export async function openPromotion(callers: Callers, fields: PromotionFields = {}): Promise<string> {
  const promotionId = await createPromotion(callers, fields);
  await setStatus(callers, promotionId, PromotionStatus.ACTIVE);
  return promotionId;
}

/** Calls ClaimCoupon as the order service. */
export function claimCall(callers: Callers, fields: Partial<ClaimCouponRequest>): Promise<Reply<ClaimCouponResponse>> {
  const { promotion } = callers.as('order-service');
  const request = ClaimCouponRequest.fromPartial({ requestId: newId('claim'), ...fields });
  return call(promotion.claimCoupon.bind(promotion), request);
}

/** Claims a coupon that is there to be claimed. */
export async function claim(callers: Callers, userId: string, promotionId: string): Promise<Coupon> {
  const { coupon } = await mustSucceed(claimCall(callers, { userId, promotionId }));
  if (coupon === undefined) throw new Error('a claim without a coupon');
  return coupon;
}

/** Calls ListCoupons as the order service. */
export function listCouponsCall(callers: Callers, fields: Partial<ListCouponsRequest>) {
  const { promotion } = callers.as('order-service');
  return call(promotion.listCoupons.bind(promotion), ListCouponsRequest.fromPartial(fields));
}

/** What the database holds of a promotion's stock and budget, and of its coupons by status. */
export async function stockOf(db: TestDatabase, promotionId: string): Promise<Record<string, number>> {
  const [promotion] = await db.query('SELECT claimed_count, budget_used FROM promotions WHERE id = ?', [promotionId]);
  const rows = await db.query(
    'SELECT status, COUNT(*) AS coupons FROM user_coupons WHERE promotion_id = ? GROUP BY status',
    [promotionId],
  );
  const counts = Object.fromEntries(rows.map(({ status, coupons }) => [String(status), Number(coupons)]));
  const { claimed_count: claimed, budget_used: budgetUsed } = promotion ?? {};
  return { claimed: Number(claimed), budgetUsed: Number(budgetUsed), ...counts };
}
