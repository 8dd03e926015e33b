import type { Check } from '../check';
import { sqlCheck } from '../sql-check';
import { invariantCheck } from './invariant-check';

/** Stock, budgets, states and single use of coupons, and what promotions brought (R13.4, R13.5, R13.7, R13.8). */

export const COUPON_CHECKS: readonly Check[] = [
  invariantCheck('INV-50', {
    id: 'coupons-over-issued',
    section: 'concurrency',
    item: 'claim-row-locks',
    severity: 'severe',
    title: { zh: '优惠券超发', en: 'More coupons were claimed than there are' },
    fix: {
      zh: '领券必须锁定活动行。确认没有绕过 ClaimCoupon 的写入；超发的券由运营决定是否承兑',
      en: 'Claims lock the row of the promotion: find what wrote coupons around ClaimCoupon; people decide which of them count',
    },
  }),
  sqlCheck(
    {
      id: 'coupon-claimed-too-early',
      section: 'concurrency',
      item: 'claim-row-locks',
      severity: 'severe',
      title: {
        zh: '优惠券在活动开始前被领取',
        en: 'A coupon was claimed before claims were open',
      },
      fix: {
        zh: '领取时间窗口由服务端在行锁内判断：这张券不是由 ClaimCoupon 发出的',
        en: 'The window is judged under the row lock: ClaimCoupon did not give this coupon',
      },
    },
    `SELECT c.id AS coupon_id, c.user_id, c.promotion_id, c.claim_time, p.claim_start_time
    FROM user_coupons c JOIN promotions p ON p.id = c.promotion_id
    WHERE p.status = 'draft' OR c.claim_time < COALESCE(p.claim_start_time, p.create_time) - INTERVAL 1 MINUTE`,
  ),
  invariantCheck('INV-27', {
    id: 'promotion-budget-wrong',
    section: 'concurrency',
    item: 'atomic-stock',
    severity: 'severe',
    title: {
      zh: '活动已用预算与其优惠券的折扣合计不一致，或超出预算',
      en: 'The used budget of a promotion is not what its coupons take off, or beyond the budget',
    },
    fix: {
      zh: '暂停活动；对照持券订单逐笔核对折扣，查明谁改了 budget_used',
      en: 'Pause the promotion; compare the orders that hold its coupons one by one, and find who changed budget_used',
    },
  }),
  invariantCheck('INV-28', {
    id: 'coupon-disagrees-with-order',
    section: 'coupon-states',
    item: 'coupon-transitions',
    severity: 'severe',
    title: { zh: '优惠券状态与订单状态不一致', en: 'A coupon and its order disagree about their states' },
    fix: {
      zh: '未使用 → 锁定（下单）→ 已使用（支付）；关闭或失败则退回。按订单实际结果更正，并查审计记录',
      en: 'unused → locked (ordered) → used (paid), and back when the order ends unpaid: follow what really became of the order',
    },
  }),
  invariantCheck('INV-29', {
    id: 'coupon-not-released',
    section: 'coupon-states',
    item: 'coupon-release',
    severity: 'severe',
    title: {
      zh: '未支付而结束的订单仍占用优惠券，或未说明关闭原因',
      en: 'An order that ended unpaid still holds a coupon, or does not say why it was closed',
    },
    fix: {
      zh: '释放优惠券，并查明订单为何被关闭',
      en: 'Give the coupon back, and find out why the order was closed',
    },
  }),
  sqlCheck(
    {
      id: 'coupon-claimed-twice',
      section: 'reuse',
      item: 'unique-keys',
      severity: 'severe',
      title: {
        zh: '同一用户在同一活动中领取了多张优惠券',
        en: 'A user has more than one coupon of a promotion',
      },
      fix: {
        zh: '唯一约束 uk_user_promotion 已失效或被删除：恢复它，作废多余的券',
        en: 'The unique key uk_user_promotion is gone or was: put it back, and void what is too much',
      },
    },
    `SELECT c.user_id, c.promotion_id, COUNT(*) AS coupons, MIN(c.id) AS first_coupon_id, MAX(c.id) AS last_coupon_id
    FROM user_coupons c
    GROUP BY c.user_id, c.promotion_id
    HAVING COUNT(*) > 1`,
  ),
  sqlCheck(
    {
      id: 'coupon-used-twice',
      section: 'reuse',
      item: 'state-checks',
      severity: 'severe',
      title: { zh: '优惠券被使用两次', en: 'A coupon was used for more than one order' },
      fix: {
        zh: '只有一笔订单可以使用该券：其余订单按未打折的金额处理，并查明它们如何写入',
        en: 'Only one order may use it: settle the others without the discount, and find out how they were written',
      },
    },
    `SELECT o.coupon_id, COUNT(*) AS orders, MIN(o.id) AS first_order_id, MAX(o.id) AS last_order_id
    FROM orders o
    LEFT JOIN user_coupons c ON c.id = o.coupon_id
    LEFT JOIN promotions p ON p.id = c.promotion_id
    WHERE o.coupon_id IS NOT NULL AND (o.status IN ('created', 'pending', 'closing', 'paid')
      OR (o.status = 'refunded' AND COALESCE(p.returned_on_refund, 0) = 0))
    GROUP BY o.coupon_id
    HAVING COUNT(*) > 1`,
  ),
  sqlCheck(
    {
      id: 'coupon-outside-validity',
      section: 'reuse',
      item: 'state-checks',
      severity: 'severe',
      title: {
        zh: '订单使用了尚未领取或已过期的优惠券',
        en: 'An order used a coupon before its claim or after its expiry',
      },
      fix: {
        zh: '下单时必须检查券的状态与有效期：核对该订单与优惠券的时间，查明谁改动了它们',
        en: 'State and validity are checked when an order is made: compare the times of order and coupon, and find who changed them',
      },
    },
    // When it expires follows from the terms of the promotion, whatever the coupon says. Replicas' clocks may differ by moments.
    `SELECT o.id AS order_id, c.id AS coupon_id, o.create_time, c.claim_time, c.expire_time
    FROM orders o
    JOIN user_coupons c ON c.id = o.coupon_id
    JOIN promotions p ON p.id = c.promotion_id
    WHERE o.create_time < c.claim_time - INTERVAL 1 MINUTE OR o.create_time >= INTERVAL 1 MINUTE
      + LEAST(c.expire_time, COALESCE(p.coupon_expire_time, c.claim_time + INTERVAL p.coupon_valid_days DAY))`,
  ),
  invariantCheck('INV-16', {
    id: 'request-used-twice',
    section: 'reuse',
    item: 'state-checks',
    severity: 'severe',
    title: { zh: '同一请求号用于两件事', en: 'A request id was used for two things' },
    fix: {
      zh: '幂等记录与其结果对不上：查明是谁改动或补写了 request_keys 或配额日志',
      en: 'What a request came to is not there: find who wrote or changed request_keys or the log',
    },
  }),
  invariantCheck('INV-25', {
    id: 'coupon-stock-wrong',
    section: 'consistency',
    item: 'stock-consistent',
    severity: 'severe',
    title: {
      zh: '活动的已领数量与实际优惠券数量不一致',
      en: 'The claimed count of a promotion is not the count of its coupons',
    },
    fix: {
      zh: 'claimed_count 只由 ClaimCoupon 在行锁内增加：查明多出或缺少的优惠券，恢复被删除的行',
      en: 'Only ClaimCoupon counts, under the row lock: find the coupons that are too many, and restore those that are gone',
    },
  }),
  invariantCheck('INV-26', {
    id: 'gmv-wrong',
    section: 'consistency',
    item: 'gmv-exact',
    severity: 'severe',
    title: {
      zh: '活动 GMV 从订单与从优惠券两侧计算的结果不一致',
      en: 'The GMV of a promotion differs between its paid orders and its used coupons',
    },
    fix: {
      zh: 'GMV = 使用该活动优惠券且已支付订单的实付合计：找出只在一侧出现的订单或优惠券',
      en: 'GMV is the sum of final_amount of paid orders with its coupons: find the order or coupon that only one side has',
    },
  }),
];
