import type { Check } from '../check';
import { sqlCheck } from '../sql-check';

/** An instant of an audit row, which has it as ISO 8601; NULL where it is none. */
const timeOf = (path: string): string => `CAST(LEFT(JSON_VALUE(a.after_state, '${path}'), 23) AS DATETIME(3))`;

const PAID = timeOf('$.paid_time');
const START = timeOf('$.period.startTime');
const END = timeOf('$.period.endTime');
const END_LEFT = timeOf('$.period.end_time');
const REVOKED = timeOf('$.period.revoke_time');

/**
 * What the audit rows of payments and refunds say of time, against what is stored. Every version wrote down the period that it
 * sold; what a refund left of one is written down since 0.6.0. The transaction is compared by INV-15, and when a period ended that an
 * upgrade replaced, by INV-12. The audit log is read once, in its own order, with unique keys to the rest; the few refunds by theirs.
 */
export const SOLD_PERIODS: Check = sqlCheck(
  {
    id: 'period-differs-from-audit-log',
    section: 'permissions',
    item: 'audit-trail',
    severity: 'severe',
    title: {
      zh: '会员期或到账时间与支付、退款时的审计记录不符：会员期被延长，或收入被移到别的日期',
      en: 'A period or the time of a payment is not what the audit rows of payment and refunds say: longer than sold, or moved',
    },
    fix: {
      zh: '以审计记录为准（由锚点证明：billing audit verify --anchor）：会员期只会因退款或升级而提前结束，从不延长',
      en: 'The audit row counts, which an anchor proves (billing audit verify --anchor): refunds and upgrades end periods sooner, nothing makes one longer',
    },
  },
  `SELECT STRAIGHT_JOIN 'payment' AS kind, a.subject_id AS order_id, a.user_id, o.paid_time, p.success_time, m.start_time, m.end_time,
    m.revoke_time, JSON_VALUE(a.after_state, '$.paid_time') AS audited_paid_time,
    JSON_VALUE(a.after_state, '$.period.endTime') AS audited_end_time
  FROM audit_logs a
  JOIN orders o ON o.id = a.subject_id
  LEFT JOIN payments p ON p.order_id = o.id AND p.status = 'applied'
  LEFT JOIN membership_periods m ON m.order_id = o.id
  WHERE a.action = 'MarkOrderPaid'
    AND (NOT (o.paid_time <=> ${PAID}) OR NOT (p.success_time <=> o.paid_time) OR NOT (m.start_time <=> ${START})
      OR COALESCE(m.end_time > ${END}, TRUE)
      OR (m.end_time < ${END} AND m.replaced_by_order_id IS NULL AND NOT EXISTS (
        SELECT 1 FROM refunds r WHERE r.order_id = o.id AND r.status = 'succeeded')))
  UNION ALL
  SELECT 'refund', a.subject_id, a.user_id, NULL, NULL, m.start_time, m.end_time, m.revoke_time, NULL,
    JSON_VALUE(a.after_state, '$.period.end_time')
  FROM refunds r
  JOIN audit_logs a ON a.subject_type = 'order' AND a.subject_id = r.order_id AND a.action = 'CountRefund' AND a.cause = r.id
  JOIN membership_periods m ON m.order_id = r.order_id
  WHERE r.status = 'succeeded' AND (m.end_time > ${END_LEFT} OR m.revoke_time <> ${REVOKED}
    OR (m.revoke_time IS NULL AND ${REVOKED} IS NOT NULL))`,
);
