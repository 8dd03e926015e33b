import type { Check } from '../check';
import { evidenceOf, sqlCheck } from '../sql-check';
import { askGuards } from './ask-guards';
import { invariantCheck } from './invariant-check';
import { sealedCallbacks } from './sealed-callbacks';

/**
 * What WeChat Pay told us. A notification enters the inbox only after its signature was verified, together with its sealed headers
 * and content; so one that was applied without them did not come through that door (R11.1).
 */

/** A sealed value begins with its version. Where the procedure is not there, an account that may see the values looks at them. */
const UNSEALED = `
  SELECT 'order_payers' AS table_name, order_id AS subject FROM order_payers WHERE LEFT(sealed_payer, 1) <> X'01'
  UNION ALL
  SELECT 'wechatpay_notification_bodies', id FROM wechatpay_notification_bodies WHERE LEFT(sealed_body, 1) <> X'01'
  LIMIT 1000`;

export const NOTIFICATION_CHECKS: readonly Check[] = [
  sqlCheck(
    {
      id: 'callback-without-signature',
      section: 'payments',
      item: 'callbacks-signed',
      severity: 'severe',
      title: {
        zh: '已处理的回调没有验签证据',
        en: 'A callback was applied of which there is no signed original',
      },
      fix: {
        zh: '没有封存原文的回调不是经验签入库的：撤销其效果，核对商户平台，并追查写入者',
        en: 'What has no sealed original was not stored after a verified signature: undo its effect, ask the merchant portal, find who wrote it',
      },
    },
    `SELECT n.id AS notification_id, n.event_type, n.subject_id, n.status, n.create_time
    FROM wechatpay_notifications n
    WHERE NOT EXISTS (SELECT 1 FROM wechatpay_notification_bodies b WHERE b.inbox_id = n.id)`,
  ),
  sealedCallbacks,
  sqlCheck(
    {
      id: 'payment-differs-from-callback',
      section: 'payment-amounts',
      item: 'wechatpay-amounts',
      severity: 'severe',
      title: {
        zh: '入账金额或订单与微信支付回调所述不一致',
        en: 'A payment is not what the callback that told of it says',
      },
      fix: {
        zh: '以微信支付账单为准：找出支付记录与回调内容中被改动的一方',
        en: 'The bill of WeChat Pay decides: find which of the two was altered, the payment or the callback',
      },
    },
    `SELECT n.id AS notification_id, p.id AS payment_id, p.order_id, p.amount,
      JSON_VALUE(n.content, '$.outTradeNo') AS told_order_id, JSON_VALUE(n.content, '$.amountTotal') AS told_amount
    FROM wechatpay_notifications n
    JOIN payments p ON p.transaction_id = n.subject_id
    WHERE n.event_type = 'TRANSACTION.SUCCESS' AND n.status = 'applied'
      AND NOT (JSON_VALUE(n.content, '$.outTradeNo') <=> p.order_id
        AND CAST(JSON_VALUE(n.content, '$.amountTotal') AS DECIMAL(30, 0)) <=> p.amount)`,
  ),
  sqlCheck(
    {
      id: 'refund-differs-from-callback',
      section: 'payments',
      item: 'refunds-within-payments',
      severity: 'severe',
      title: {
        zh: '退款结果与微信支付回调所述不一致',
        en: 'A refund is not what the callback that told of it says',
      },
      fix: {
        zh: '到商户平台核对退款单：回调说成功的退款必须记为成功，金额必须相同',
        en: 'Ask the merchant portal: a refund that succeeded there has succeeded here, with the same amount',
      },
    },
    `SELECT n.id AS notification_id, r.id AS refund_id, r.status, r.amount,
      JSON_VALUE(n.content, '$.refund.amount') AS told_amount
    FROM wechatpay_notifications n
    LEFT JOIN refunds r ON r.refund_id = n.subject_id
    WHERE n.event_type = 'REFUND.SUCCESS' AND n.status = 'applied'
      AND NOT (r.status <=> 'succeeded'
        AND CAST(COALESCE(JSON_VALUE(n.content, '$.refund.amount'), r.amount) AS DECIMAL(30, 0)) <=> r.amount)`,
  ),
  invariantCheck('INV-37', {
    id: 'refused-callback-untold',
    section: 'payments',
    item: 'no-limbo',
    severity: 'severe',
    title: {
      zh: '被拒绝的回调没有告警',
      en: 'A callback was refused and nobody was told, or an alert is open twice',
    },
    fix: {
      zh: '被拒绝的回调可能是真实到账：核对商户平台后，用 ReplayNotification 重新处理',
      en: 'Real money may be behind it: ask the merchant portal, then have it replayed',
    },
  }),
  invariantCheck('INV-38', {
    id: 'payer-kept-wrongly',
    section: 'permissions',
    item: 'personal-data',
    severity: 'medium',
    title: {
      zh: '付款人信息的保存范围与订单不符',
      en: 'Who pays is kept for an order that does not need it, or is missing',
    },
    fix: {
      zh: '只有 JSAPI 与 H5 且需要付款的订单保存付款人（加密）：查明多出或缺少的行',
      en: 'Only orders by jsapi and h5 that cost something keep a payer, sealed: find the row that is too much or missing',
    },
  }),
  {
    id: 'personal-data-in-clear',
    section: 'permissions',
    item: 'personal-data',
    severity: 'severe',
    title: { zh: '个人数据未加密存储', en: 'Personal data is stored in clear' },
    fix: {
      zh: '立即以当前数据密钥重新加密该行，并按数据泄露流程处理',
      en: 'Seal the row with the current data key at once, and treat it as a leak',
    },
    run: async ({ db }) =>
      (await askGuards(db, 'review_unsealed', UNSEALED)).map((row) => ({ evidence: evidenceOf({ ...row }) })),
  },
];
