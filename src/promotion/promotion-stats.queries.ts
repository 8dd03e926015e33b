import assert from 'node:assert';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { BASIS_POINTS_WHOLE } from '../platform/money';
import { readPromotion } from './promotion.queries';

/** What became of a promotion's coupons, and what they cost and brought. claimed = unused + locked + used + expired. */
export interface PromotionStats {
  readonly claimed: number;
  readonly unused: number;
  readonly locked: number;
  readonly used: number;
  /** Booked or not: an unused coupon that is past its time is expired. */
  readonly expired: number;
  /** Fen. */
  readonly discountGiven: number;
  /** Fen: final_amount of paid orders with a coupon of it. */
  readonly gmv: number;
  readonly orders: number;
}

/**
 * One statement, so that all figures are of one instant. Orders are found from the used coupons, which are those of paid
 * orders (INV-26): there is no index of orders by coupon, and most coupons of a large promotion are never used.
 */
const STATS = `
  SELECT c.*, o.*
  FROM (
    SELECT COUNT(*) AS claimed,
      COUNT(CASE WHEN status = 'unused' AND expire_time > :now THEN 1 END) AS unused,
      COUNT(CASE WHEN status = 'locked' THEN 1 END) AS locked,
      COUNT(CASE WHEN status = 'used' THEN 1 END) AS used,
      COUNT(CASE WHEN status = 'expired' OR (status = 'unused' AND expire_time <= :now) THEN 1 END) AS expired
    FROM user_coupons WHERE promotion_id = :promotionId
  ) c
  CROSS JOIN (
    SELECT COUNT(*) AS orders,
      CAST(COALESCE(SUM(paid.discount_amount), 0) AS SIGNED) AS discountGiven,
      CAST(COALESCE(SUM(paid.final_amount), 0) AS SIGNED) AS gmv
    FROM user_coupons redeemed
    JOIN orders paid ON paid.user_id = redeemed.user_id AND paid.status = 'paid' AND paid.coupon_id = redeemed.id
    WHERE redeemed.promotion_id = :promotionId AND redeemed.status = 'used'
  ) o`;

/** Counts what became of a promotion's coupons. Throws PROMOTION_NOT_FOUND. */
export async function readPromotionStats(db: Database, promotionId: string, now: Date): Promise<PromotionStats> {
  await readPromotion(db, promotionId);
  const [[stats] = []] = await readOnly(db, (reader) =>
    reader.raw<(PromotionStats | undefined)[][]>(STATS, { promotionId, now }),
  );
  assert(stats !== undefined, 'a statement without rows counts nothing');
  return stats;
}

/** Coupons used of coupons claimed, in basis points, rounded down; 0 without claims. */
export function conversionBasisPoints({ used, claimed }: Pick<PromotionStats, 'used' | 'claimed'>): number {
  return claimed === 0 ? 0 : Number((BigInt(used) * BigInt(BASIS_POINTS_WHOLE)) / BigInt(claimed));
}
