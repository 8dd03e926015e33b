import type { Check } from '../check';
import { sqlCheck } from '../sql-check';

/**
 * What each audit row that tells of something new must find: FROM and WHERE of the row that the same transaction wrote. `a` is the
 * audit row. The service deletes none of these, not even when it erases a person.
 */
const MADE: Readonly<Record<string, string>> = {
  RegisterUser: 'users x WHERE x.id = a.subject_id',
  CreateOrder: 'orders x WHERE x.id = a.subject_id',
  MarkOrderPaid: 'orders x WHERE x.id = a.subject_id AND x.paid_time IS NOT NULL',
  // Of money that paid its order, INV-9 demands the payment.
  ReceiveUnawaitedPayment: 'payments x WHERE x.transaction_id = a.cause AND x.order_id = a.subject_id',
  ClaimCoupon: 'user_coupons x WHERE x.id = a.subject_id',
  RefundOrder: 'refunds x WHERE x.id = a.subject_id',
  RefundUnawaitedPayment: 'refunds x WHERE x.id = a.subject_id',
  RecordExternalRefund: 'refunds x WHERE x.id = a.subject_id',
  CreatePromotion: 'promotions x WHERE x.id = a.subject_id',
  CreateGiftCampaign: 'gift_campaigns x WHERE x.id = a.subject_id',
  CreatePlan: 'plans x WHERE x.id = a.subject_id',
  AddPlanPrice: "plan_prices x WHERE x.id = JSON_VALUE(a.after_state, '$.plan_price_id') AND x.plan_id = a.subject_id",
  SetTaskTariff: "task_tariffs x WHERE x.id = JSON_VALUE(a.after_state, '$.tariff_id') AND x.task_type = a.subject_id",
  EraseUser: 'user_erasures x WHERE x.id = a.subject_id',
};

// A count, because some servers would gather all ids of a table for EXISTS; and CASE, so that the log is read once, each row of
// it looks up at most one other by a unique key, and most of them none.
const SQL = `SELECT a.action, a.subject_id AS subject, a.user_id, a.id AS audit_id, a.create_time
  FROM audit_logs a
  WHERE CASE a.action
    ${Object.entries(MADE)
      .map(([action, rows]) => `WHEN '${action}' THEN (SELECT COUNT(*) FROM ${rows}) = 0`)
      .join('\n    ')}
    ELSE FALSE END`;

/** Looks for rows from the audit log, as others look from the rows for their audit row: an anchor proves which were made. */
export const ROWS_GONE: Check = sqlCheck(
  {
    id: 'row-gone',
    section: 'permissions',
    item: 'audit-trail',
    severity: 'severe',
    title: {
      zh: '审计日志记载已创建的订单、支付、退款、优惠券等记录已不存在',
      en: 'An order, a payment, a refund, a coupon or the like that the audit log tells of is gone, or is not paid any more',
    },
    fix: {
      zh: '服务从不删除这些记录：从备份取回原行，并查明是谁删除的（审计记录由锚点证明：billing audit verify --anchor）',
      en: 'The service never deletes them: take the row from a backup, and find who did (anchors prove the audit row: billing audit verify --anchor)',
    },
  },
  SQL,
);
