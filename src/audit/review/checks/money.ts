import type { Check } from '../check';
import { sqlCheck } from '../sql-check';
import { invariantCheck } from './invariant-check';

/**
 * Amounts, recomputed from what promotions and plans say (R13.1 to R13.3, R13.6). The arithmetic is written here a second
 * time, as SQL over exact decimals: a review that called the service's own functions would agree with any mistake of theirs.
 */

const SECTION = 'amounts';

/** What a coupon takes off, by its promotion's terms: frozen since the promotion left draft. The base is what the order would charge. */
const DUE_DISCOUNT = `
  LEAST(
    CASE WHEN p.max_discount > 0 THEN LEAST(CASE p.discount_type WHEN 'percentage'
      THEN FLOOR(CAST(o.original_amount AS DECIMAL(30, 0)) * p.discount_value / 100) ELSE p.discount_value END, p.max_discount)
    ELSE CASE p.discount_type WHEN 'percentage'
      THEN FLOOR(CAST(o.original_amount AS DECIMAL(30, 0)) * p.discount_value / 100) ELSE p.discount_value END END,
    o.original_amount)`;

export const MONEY_CHECKS: readonly Check[] = [
  sqlCheck(
    {
      id: 'discount-without-coupon',
      section: SECTION,
      item: 'discounts-in-backend',
      severity: 'severe',
      title: {
        zh: '订单有折扣，但没有属于该用户的优惠券',
        en: 'An order has a discount without a coupon of its user',
      },
      fix: {
        zh: '查明折扣来源：只有服务端按优惠券计算的折扣有效；按原价补收或退款，并检查谁能写 orders 表',
        en: 'Find out where the discount came from: only what the service computes from a coupon counts; and who may write orders',
      },
    },
    `SELECT o.id AS order_id, o.user_id, o.coupon_id, o.discount_amount
    FROM orders o
    LEFT JOIN user_coupons c ON c.id = o.coupon_id AND c.user_id = o.user_id
    WHERE (o.coupon_id IS NULL AND o.discount_amount <> 0) OR (o.coupon_id IS NOT NULL AND c.id IS NULL)`,
  ),
  sqlCheck(
    {
      id: 'wrong-discount',
      section: SECTION,
      item: 'discount-arithmetic',
      severity: 'severe',
      title: {
        zh: '订单折扣与活动规则重算结果不一致',
        en: 'The discount of an order is not what its promotion gives',
      },
      fix: {
        zh: '对照活动条款与订单审计记录，找出被改动的金额；差额按退款或补款流程处理，不得直接改库',
        en: 'Compare the terms with the audit rows of the order to find the amount that was altered; settle the difference by a refund, never by hand',
      },
    },
    `SELECT o.id AS order_id, o.coupon_id, p.id AS promotion_id, o.original_amount, o.discount_amount,
      CAST(${DUE_DISCOUNT} AS CHAR) AS due_discount
    FROM orders o
    JOIN user_coupons c ON c.id = o.coupon_id
    JOIN promotions p ON p.id = c.promotion_id
    WHERE o.discount_amount <> ${DUE_DISCOUNT}`,
  ),
  sqlCheck(
    {
      id: 'discount-not-applicable',
      section: SECTION,
      item: 'discount-arithmetic',
      severity: 'severe',
      title: { zh: '订单使用了不适用的优惠券', en: 'An order used a coupon that does not apply to it' },
      fix: {
        zh: '核对活动的最低金额、适用套餐、新用户与免单条款；确认订单不是绕过服务写入的',
        en: 'Compare least amount, plans, whether it is for new users and whether it may be free with the promotion; find out who wrote the order',
      },
    },
    `SELECT o.id AS order_id, p.id AS promotion_id, o.plan_id, o.original_amount, o.final_amount, p.min_order_amount,
      p.plan_ids, p.may_be_free, p.new_users_only
    FROM orders o
    JOIN user_coupons c ON c.id = o.coupon_id
    JOIN promotions p ON p.id = c.promotion_id
    WHERE o.original_amount < p.min_order_amount
      OR (p.plan_ids <> '[]' AND NOT JSON_CONTAINS(p.plan_ids, JSON_QUOTE(o.plan_id)))
      OR (o.final_amount = 0 AND p.may_be_free = 0)
      OR o.discount_amount = 0
      OR (p.new_users_only <> 0 AND EXISTS (
        SELECT 1 FROM membership_periods m WHERE m.user_id = o.user_id AND m.create_time < o.create_time - INTERVAL 1 MINUTE))`,
  ),
  invariantCheck('INV-41', {
    id: 'order-not-as-priced',
    section: SECTION,
    item: 'discount-base',
    severity: 'severe',
    title: {
      zh: '订单的价格、周期或权益与其价格版本不一致，或价格版本重叠',
      en: 'An order did not sell what its version of the plan says, or versions overlap',
    },
    fix: {
      zh: '折扣以实付为基准：原价须等于价格版本的售价减去升级抵扣。找出被改动的订单或价格版本',
      en: 'The base of a discount is the price of the version less what an upgrade credits: find the order or version that was altered',
    },
  }),
  sqlCheck(
    {
      id: 'order-at-another-times-price',
      section: SECTION,
      item: 'discount-base',
      severity: 'severe',
      title: {
        zh: '订单使用了当时无效的价格版本',
        en: 'An order was made at a price that was not valid then',
      },
      fix: {
        zh: '核对价格版本的生效时间与订单创建时间；按当时有效的价格处理差额',
        en: 'Compare the validity of the version with the time of the order; settle the difference with the price of that time',
      },
    },
    // Replicas' clocks may differ by moments.
    `SELECT o.id AS order_id, o.plan_id, o.plan_price_id, o.create_time, v.valid_from, v.valid_to
    FROM orders o
    JOIN plan_prices v ON v.id = o.plan_price_id
    WHERE o.create_time < v.valid_from - INTERVAL 1 MINUTE OR o.create_time >= v.valid_to + INTERVAL 1 MINUTE`,
  ),
  invariantCheck('INV-13', {
    id: 'amounts-do-not-add-up',
    section: SECTION,
    item: 'discount-arithmetic',
    severity: 'severe',
    title: {
      zh: '订单金额不平：应收、折扣、实付、税额之间对不上',
      en: 'The amounts of an order do not add up',
    },
    fix: {
      zh: '约束 orders_amounts 与 orders_tax 本应拒绝：检查它们是否仍在，再查是谁改了该行',
      en: 'The constraints orders_amounts and orders_tax should have refused it: see whether they are there, then who changed the row',
    },
  }),
  sqlCheck(
    {
      id: 'wrong-tax',
      section: SECTION,
      item: 'discount-arithmetic',
      severity: 'severe',
      title: { zh: '订单的不含税金额与税率不符', en: 'The net amount of an order does not follow from its tax rate' },
      fix: {
        zh: '不含税金额 = 含税金额 ÷ (1 + 税率)，四舍五入到分；按此更正申报，并查明改动来源',
        en: 'Net = gross ÷ (1 + rate), rounded half up to the fen: correct what was declared and find who changed it',
      },
    },
    // net = round_half_up(final × 10 000 / whole), without a division: exact for every amount.
    `SELECT t.order_id, t.final_amount, t.tax_rate_basis_points, t.net_amount, t.tax_amount
    FROM (
      SELECT o.id AS order_id, o.final_amount, o.tax_rate_basis_points, o.net_amount, o.tax_amount,
        CAST(o.final_amount AS DECIMAL(30, 0)) * 20000 + 10000 + o.tax_rate_basis_points AS numerator,
        CAST(o.net_amount AS DECIMAL(30, 0)) * 2 * (10000 + o.tax_rate_basis_points) AS least,
        2 * (10000 + o.tax_rate_basis_points) AS step
      FROM orders o
    ) t
    WHERE t.numerator < t.least OR t.numerator >= t.least + t.step`,
  ),
];
