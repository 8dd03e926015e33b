import type { Check } from '../check';
import { sqlCheck } from '../sql-check';
import { invariantCheck } from './invariant-check';

/** Whether the audit log tells of everything, as it was done and by whom (R7.1, R7.2). Its chain (INV-45, INV-46): audit-trail.ts. */

const TRAIL = { section: 'permissions', item: 'audit-trail', severity: 'severe' } as const;

export const TRACE_CHECKS: readonly Check[] = [
  invariantCheck('INV-15', {
    id: 'change-without-trace',
    ...TRAIL,
    title: { zh: '有变更没有审计记录或事件', en: 'Something changed without its audit row or its event' },
    fix: {
      zh: '该变更没有经过服务：对照备份找出被写入、改动或删除的行',
      en: 'The service did not make this change: find what was written, altered or deleted by comparing with a backup',
    },
  }),
  sqlCheck(
    {
      id: 'row-differs-from-audit-log',
      ...TRAIL,
      title: {
        zh: '订单、支付或退款与其审计记录的金额、归属不符',
        en: 'An order, a payment or a refund is not what its audit row says: another amount, owner, plan or coupon',
      },
      fix: {
        zh: '以审计记录为准（锚点可证明其未被改动：billing audit verify --anchor），从备份取回原行对照',
        en: 'The audit row counts, which an anchor proves (billing audit verify --anchor): compare with the row of a backup',
      },
    },
    // Anchors prove the audit log: so they prove these rows too, even if all that they are computed from was altered with them.
    `SELECT 'order' AS kind, o.id AS subject, o.user_id, o.final_amount AS amount,
      JSON_VALUE(a.after_state, '$.final_amount') AS audited_amount
    FROM orders o
    JOIN audit_logs a ON a.subject_type = 'order' AND a.subject_id = o.id AND a.action = 'CreateOrder'
    WHERE o.user_id <> a.user_id
      OR o.final_amount <> JSON_VALUE(a.after_state, '$.final_amount')
      OR o.discount_amount <> JSON_VALUE(a.after_state, '$.discount_amount')
      OR o.plan_id <> JSON_VALUE(a.after_state, '$.plan_id')
      OR COALESCE(o.coupon_id, '') <> COALESCE(JSON_VALUE(a.after_state, '$.coupon_id'), '')
    UNION ALL
    SELECT 'payment', p.id, p.user_id, p.amount, JSON_VALUE(a.after_state, '$.received')
    FROM payments p
    JOIN audit_logs a ON a.subject_type = 'order' AND a.subject_id = p.order_id AND a.action = 'ReceiveUnawaitedPayment'
      AND a.cause = p.transaction_id
    WHERE p.status <> 'applied' AND (p.user_id <> a.user_id OR p.amount <> JSON_VALUE(a.after_state, '$.received'))
    UNION ALL
    SELECT 'refund', r.id, r.user_id, r.amount, JSON_VALUE(a.after_state, '$.amount')
    FROM refunds r
    JOIN audit_logs a ON a.subject_type = 'refund' AND a.subject_id = r.id
    WHERE r.user_id <> a.user_id OR r.amount <> JSON_VALUE(a.after_state, '$.amount')
      OR r.order_id <> JSON_VALUE(a.after_state, '$.order_id')`,
  ),
  invariantCheck('INV-47', {
    id: 'audit-row-wrong',
    ...TRAIL,
    title: {
      zh: '审计记录的角色与操作者不符，或优惠券没有领取记录',
      en: 'An audit row names the role of another actor, or a coupon was claimed without one',
    },
    fix: {
      zh: '没有领取记录的优惠券不是由 ClaimCoupon 发出的：作废并追查；角色不符的记录用锚点核对',
      en: 'ClaimCoupon did not give a coupon without one: void it and find who did; compare a wrong role with an anchor',
    },
  }),
  invariantCheck('INV-48', {
    id: 'erasure-without-second-person',
    section: 'permissions',
    item: 'second-person',
    severity: 'severe',
    title: {
      zh: '个人信息删除未经第二人批准，或身份登记被擅自清除',
      en: 'An erasure began without a second person, or fingerprints were unlinked without one',
    },
    fix: {
      zh: '删除不可恢复：立即停止（billing user erase），由未提议的人复核，并查明谁清除了身份登记',
      en: 'What is erased does not come back: stop it, have somebody who did not propose it look, and find who unlinked what',
    },
  }),
];
