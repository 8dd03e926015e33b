import { checkPromotionsOf } from '../../../src/cli/check-promotions';
import { announceRewriting, ask, onlyRow, tryToRewrite, type Question } from './proof';
import type { PromotionStage } from './promote';

/** Step 17: what the database says of the promotion, and what it refuses. */

function questions({ promotionId, couponId }: PromotionStage, orderId: string): readonly Question[] {
  return [
    {
      name: 'promotion',
      claim: 'as many coupons as were claimed and not one more, as much budget as they took off',
      sql: `SELECT p.total_quota, p.claimed_count, COUNT(c.id) AS coupons, p.budget, p.budget_used,
  CAST(SUM(c.discount_amount) AS SIGNED) AS taken_off
FROM promotions p LEFT JOIN user_coupons c ON c.promotion_id = p.id
WHERE p.id = ? GROUP BY p.id, p.total_quota, p.claimed_count, p.budget, p.budget_used`,
      values: [promotionId],
      holds: (rows) =>
        onlyRow(
          rows,
          (row) =>
            row['claimed_count'] === row['coupons'] &&
            row['coupons'] === row['total_quota'] &&
            row['budget_used'] === row['taken_off'],
        ),
    },
    {
      name: 'coupon',
      claim: 'one coupon, one order, and one payment of the price less the discount',
      sql: `SELECT c.status, o.status AS order_status, o.original_amount, o.discount_amount, o.final_amount,
  c.discount_amount AS coupon_took_off, p.amount AS payment
FROM orders o
JOIN user_coupons c ON c.id = o.coupon_id AND c.order_id = o.id
JOIN payments p ON p.order_id = o.id AND p.status = 'applied'
WHERE o.coupon_id = ? AND o.id = ?`,
      values: [couponId, orderId],
      holds: (rows) =>
        onlyRow(
          rows,
          (row) =>
            row['status'] === 'used' &&
            row['order_status'] === 'paid' &&
            row['coupon_took_off'] === row['discount_amount'] &&
            row['payment'] === row['final_amount'] &&
            row['payment'] === Number(row['original_amount']) - Number(row['discount_amount']),
        ),
    },
    {
      name: 'promotion_audit',
      claim: 'the audit log names who made, activated and claimed',
      sql: `SELECT action, actor, subject_type, user_id FROM audit_logs
WHERE (subject_type = 'promotion' AND subject_id = ?)
  OR (subject_type = 'coupon' AND subject_id = ?) ORDER BY id`,
      values: [promotionId, couponId],
      holds: (rows) =>
        rows.map((row) => row['action']).join() === 'CreatePromotion,SetPromotionStatus,ClaimCoupon' &&
        String(rows[0]?.['actor']).includes('/operations/'),
    },
  ];
}

const FORBIDDEN_COUPONS = [
  "UPDATE user_coupons SET status = 'unused', order_id = NULL, discount_amount = NULL WHERE id = ?",
  'UPDATE user_coupons SET discount_amount = 9900 WHERE id = ?',
  'DELETE FROM user_coupons WHERE id = ?',
];

const FORBIDDEN_PROMOTIONS = [
  'UPDATE promotions SET claimed_count = 0 WHERE id = ?',
  'UPDATE promotions SET claimed_count = claimed_count + 1 WHERE id = ?',
  'UPDATE promotions SET discount_value = 9900 WHERE id = ?',
  'UPDATE promotions SET budget_used = budget_used + 1 WHERE id = ?',
];

/** Asks, runs what `billing promotion check` runs, and tries what must be refused. */
export async function provePromotion(stage: PromotionStage, orderId: string): Promise<void> {
  const { report, databaseUrl, promotionId, couponId } = stage;
  report.step('The proof of the promotion (活动对账), from the database');
  for (const question of questions(stage, orderId)) await ask(stage, question);
  const { promotions, coupons, faults } = await checkPromotionsOf(databaseUrl);
  report.record('promotion_check', { promotions, coupons, faults: faults.length });
  const claim = `billing promotion check: stock, budget and GMV of all ${promotions} promotions agree with their coupons`;
  report.check(claim, faults.length === 0 && promotions > 0);
  announceRewriting(report);
  await tryToRewrite(stage, FORBIDDEN_COUPONS, couponId);
  await tryToRewrite(stage, FORBIDDEN_PROMOTIONS, promotionId);
}
