import type { Check } from '../check';
import { sqlCheck } from '../sql-check';
import { invariantCheck } from './invariant-check';

/** Whether each order is whole: what was paid for it, what it credits and what is due of it (R13.6). */

export const ORDER_CHECKS: readonly Check[] = [
  invariantCheck('INV-9', {
    id: 'paid-order-without-payment',
    section: 'payment-amounts',
    item: 'wechatpay-amounts',
    severity: 'severe',
    title: {
      zh: '已付订单没有唯一的、同额的到账支付，或未付订单有到账',
      en: 'A paid order has not exactly one payment of its amount, or an unpaid order has one',
    },
    fix: {
      zh: '到微信支付商户平台核对该订单的交易号与金额；金额被改动的，从审计记录与备份恢复',
      en: 'Compare transaction and amount with the merchant portal of WeChat Pay; restore what was altered from audit rows and backup',
    },
  }),
  invariantCheck('INV-39', {
    id: 'credit-counted-twice',
    section: 'payment-amounts',
    item: 'order-records',
    severity: 'severe',
    title: {
      zh: '升级抵扣与原订单不符：重复抵扣、抵扣后又退款，或没有替换原会员期',
      en: 'What an upgrade credits does not agree with the order that it credits',
    },
    fix: {
      zh: '同一分钱只能抵扣或退款一次：核对 order_credits 与原订单的退款记录',
      en: 'No fen is credited twice, or credited and refunded: compare order_credits with the refunds of the credited order',
    },
  }),
  sqlCheck(
    {
      id: 'paid-order-not-marked-paid',
      section: 'payment-amounts',
      item: 'order-records',
      severity: 'severe',
      title: {
        zh: '订单状态与支付时间、交易号不一致',
        en: 'The status of an order does not agree with when and by what it was paid',
      },
      fix: {
        zh: '查审计记录 MarkOrderPaid：没有该记录的订单未经支付流程变更',
        en: 'Look for its audit row MarkOrderPaid: an order without one did not go through the payment flow',
      },
    },
    `SELECT o.id AS order_id, o.status, o.paid_time, o.apply_time, o.transaction_id, o.final_amount
    FROM orders o
    WHERE (o.status IN ('paid', 'refunded')) <> (o.paid_time IS NOT NULL)
      OR (o.paid_time IS NULL) <> (o.apply_time IS NULL)
      OR (o.transaction_id IS NOT NULL) <> (o.paid_time IS NOT NULL AND o.final_amount > 0)`,
  ),
  invariantCheck('INV-30', {
    id: 'order-forgotten',
    section: 'payments',
    item: 'no-limbo',
    severity: 'severe',
    title: {
      zh: '待支付订单不再向微信支付查询，或已付订单仍在查询',
      en: 'Nobody will ask WeChat Pay about an order that waits, or somebody still asks about a paid one',
    },
    fix: {
      zh: '用户可能已付款而我们不知道：向微信支付查询该订单，并让 check-due-orders 重新接管',
      en: 'The user may have paid and nobody will know: ask WeChat Pay about it, and have check-due-orders take it up',
    },
  }),
];
