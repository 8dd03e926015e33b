import type { Knex } from 'knex';

/** A promotion of which two figures that must be the same are not. */
export interface PromotionFault {
  readonly promotionId: string;
  readonly figure: 'claimed_count' | 'coupons_by_status' | 'budget_used' | 'held_coupons' | 'gmv' | 'paid_orders';
  /**
   * What the promotion says; of gmv and paid_orders: what the paid orders say that name its coupons; of held_coupons: how
   * many the orders confirm that its coupons are held or used by.
   */
  readonly recorded: number;
  /** What its coupons say. */
  readonly counted: number;
}

/** What a check of all promotions came to. */
export interface PromotionReport {
  readonly promotions: number;
  readonly coupons: number;
  readonly faults: readonly PromotionFault[];
}

/**
 * Each figure twice (R13.8): as the promotion or the orders have it, and as its coupons have it. What names a promotion or
 * coupon that is not there is a fault too. Sums leave the database as text: they may have been forged beyond any number.
 */
const FAULTS = `
  SELECT promotion_id AS promotionId, figure, CAST(recorded AS CHAR) AS recorded, CAST(counted AS CHAR) AS counted
  FROM (
    SELECT p.id AS promotion_id, 'claimed_count' AS figure, p.claimed_count AS recorded, COUNT(c.id) AS counted
    FROM promotions p LEFT JOIN user_coupons c ON c.promotion_id = p.id
    GROUP BY p.id, p.claimed_count
    UNION ALL
    SELECT c.promotion_id, 'claimed_count', 0, COUNT(*)
    FROM user_coupons c LEFT JOIN promotions p ON p.id = c.promotion_id
    WHERE p.id IS NULL GROUP BY c.promotion_id
    UNION ALL
    SELECT c.promotion_id, 'coupons_by_status', COUNT(*),
      COUNT(CASE WHEN c.status IN ('unused', 'locked', 'used', 'expired') THEN 1 END)
    FROM user_coupons c GROUP BY c.promotion_id
    UNION ALL
    SELECT p.id, 'budget_used', p.budget_used, COALESCE(SUM(c.discount_amount), 0)
    FROM promotions p LEFT JOIN user_coupons c ON c.promotion_id = p.id AND c.status IN ('locked', 'used')
    WHERE p.budget > 0
    GROUP BY p.id, p.budget_used
    UNION ALL
    SELECT c.promotion_id, 'held_coupons', COUNT(CASE WHEN o.coupon_id = c.id AND o.user_id = c.user_id
      AND o.discount_amount = c.discount_amount AND (
        (c.status = 'locked' AND o.status IN ('created', 'pending', 'closing'))
        OR (c.status = 'used' AND o.status IN ('paid', 'refunded'))) THEN 1 END), COUNT(*)
    FROM user_coupons c LEFT JOIN orders o ON o.id = c.order_id
    WHERE c.status IN ('locked', 'used') GROUP BY c.promotion_id
    UNION ALL
    SELECT promotion_id, 'gmv', SUM(from_orders), SUM(from_coupons) FROM (PAID) amounts GROUP BY promotion_id
    UNION ALL
    SELECT promotion_id, 'paid_orders', SUM(one_from_orders), SUM(one_from_coupons) FROM (PAID) ones GROUP BY promotion_id
  ) figures
  WHERE recorded <> counted
  ORDER BY promotion_id, figure`.replaceAll(
  'PAID',
  `
      SELECT COALESCE(c.promotion_id, '') AS promotion_id, o.final_amount AS from_orders, 0 AS from_coupons,
        1 AS one_from_orders, 0 AS one_from_coupons
      FROM orders o LEFT JOIN user_coupons c ON c.id = o.coupon_id
      WHERE o.status = 'paid' AND o.coupon_id IS NOT NULL
      UNION ALL
      SELECT c.promotion_id, 0, o.final_amount, 0, 1
      FROM user_coupons c JOIN orders o ON o.id = c.order_id
      WHERE c.status = 'used' AND o.status = 'paid'`,
);

interface FaultRow {
  readonly promotionId: string;
  readonly figure: PromotionFault['figure'];
  readonly recorded: string;
  readonly counted: string;
}

/**
 * Compares the figures of all promotions, in one statement and so in one snapshot: the database may be in use. Names every
 * promotion that disagrees, with both figures; the empty id stands for coupons that are not there.
 */
export async function checkPromotions(reader: Knex): Promise<PromotionReport> {
  const [rows] = (await reader.raw(FAULTS)) as [FaultRow[]];
  const [[counts]] = (await reader.raw(
    'SELECT (SELECT COUNT(*) FROM promotions) AS promotions, (SELECT COUNT(*) FROM user_coupons) AS coupons',
  )) as [{ promotions: number; coupons: number }[]];
  const faults = rows.map((row) => ({ ...row, recorded: Number(row.recorded), counted: Number(row.counted) }));
  return { promotions: counts?.promotions ?? 0, coupons: counts?.coupons ?? 0, faults };
}
