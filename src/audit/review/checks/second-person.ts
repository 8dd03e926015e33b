import { addMs, MS_PER_DAY } from '../../../platform/time';
import type { Check, CheckContext, Finding, ReviewReader } from '../check';
import { findRows, sqlCheck } from '../sql-check';
import { findPromotionsAlone } from './promotions-alone';

/**
 * Whether two people agreed where it takes two (R11.3). Which limit held on a day long ago nobody wrote down. So what must be so under any
 * limit is severe: what was proposed stays a proposal, what was approved says so, what was given back alone was counted. What is beyond
 * the limits of now is told for a quarter, and is no ground to fail: the limit may have been lowered since.
 */

const SECOND_PERSON = { section: 'permissions', item: 'second-person' } as const;
/** How long something beyond the limits of now is told. */
const TOLD_FOR_DAYS = 92;
/** How long versions before 0.6.0, whose audit rows name no role, may go on beside newer ones. */
const ROLLOUT_DAYS = 7;

export const SECOND_PERSON_CHECKS: readonly Check[] = [
  sqlCheck(
    {
      id: 'refund-not-as-approved',
      ...SECOND_PERSON,
      severity: 'severe',
      title: {
        zh: '退款的提议、批准或原因与审计记录不符',
        en: 'A refund is not what its audit rows say of its proposal, its approval or its cause',
      },
      fix: {
        zh: '以审计记录为准（锚点可证明其未被改动）：未经第二人批准的退款须由未提议的人复核',
        en: 'The audit rows count, which an anchor proves: somebody who did not ask for it looks at what nobody approved',
      },
    },
    `SELECT 'proposed, and is no proposal, or the other way round' AS problem, r.id AS refund_id, r.status, r.requested_by, r.decided_by
    FROM refunds r
    JOIN audit_logs a ON a.subject_type = 'refund' AND a.subject_id = r.id AND a.action = 'RefundOrder'
    WHERE (JSON_VALUE(a.after_state, '$.status') = 'proposed') <> (r.approve_deadline IS NOT NULL)
      OR r.requested_by <> a.actor
    UNION ALL
    SELECT 'decided on, and does not say so', r.id, r.status, r.requested_by, r.decided_by
    FROM audit_logs a
    JOIN refunds r ON r.id = a.subject_id
    WHERE a.subject_type = 'refund' AND a.action IN ('ApproveRefund', 'RejectRefund', 'ExpireRefund')
      AND NOT (r.decided_by <=> a.actor AND r.decide_time <=> a.create_time
        AND r.decision <=> CASE a.action WHEN 'ApproveRefund' THEN 'approved' WHEN 'RejectRefund' THEN 'rejected' ELSE 'expired' END)
    UNION ALL
    SELECT 'of another cause', r.id, r.status, r.requested_by, r.decided_by
    FROM refunds r
    JOIN audit_logs a ON a.subject_type = 'refund' AND a.subject_id = r.id
      AND a.action IN ('RefundOrder', 'RefundUnawaitedPayment', 'RecordExternalRefund')
    WHERE a.action <> CASE r.cause WHEN 'requested' THEN 'RefundOrder' WHEN 'automatic' THEN 'RefundUnawaitedPayment'
      ELSE 'RecordExternalRefund' END
    UNION ALL
    SELECT 'asked for by nobody, though an order was waiting for the money', r.id, r.status, r.requested_by, r.decided_by
    FROM refunds r
    JOIN payments p ON p.id = r.payment_id AND p.status = 'applied'
    WHERE r.cause = 'automatic'`,
  ),
  {
    id: 'refund-not-counted',
    ...SECOND_PERSON,
    severity: 'severe',
    title: {
      zh: '一人独自退款的合计与数据库当日的计数不一致',
      en: 'What somebody gave back alone on a day is not what the database counted',
    },
    fix: {
      zh: '未计数的退款没有经过服务，或计数被改动：由第二人逐笔复核该人当日的退款',
      en: 'A refund that was not counted did not come from the service: a second person looks at all that this one gave back that day',
    },
    run: findUncounted,
  },
  {
    id: 'alone-beyond-limit',
    about: 'deployment',
    ...SECOND_PERSON,
    severity: 'medium',
    title: {
      zh: '近92天内有超过现行限额、未经第二人同意的退款或活动',
      en: 'A refund or a promotion of the last 92 days is beyond the limits of now, and nobody else agreed to it',
    },
    fix: {
      zh: '若限额是之后才降低的，无须处理；否则由第二人复核，并查明当时谁改动了限额',
      en: 'Nothing if the limit was lowered since; else a second person looks at it, and finds who had raised the limit',
    },
    run: findAlone,
  },
];

/** The audit row from which on every row names a role; rows without one are of versions that counted nothing. */
async function readNamedFrom(db: ReviewReader): Promise<number> {
  const [named] = await db.rows<{ readonly create_time: Date }>(
    'SELECT create_time FROM audit_logs FORCE INDEX (PRIMARY) WHERE role IS NOT NULL ORDER BY id LIMIT 1',
  );
  if (named === undefined) return Number.MAX_SAFE_INTEGER;
  // By time: where the log is younger than that, nothing is read.
  const [since] = await db.rows<{ readonly id: number }>(
    `SELECT id FROM audit_logs FORCE INDEX (audit_logs_by_time) WHERE create_time >= ? AND role IS NOT NULL
    ORDER BY create_time, id LIMIT 1`,
    [addMs(named.create_time, ROLLOUT_DAYS * MS_PER_DAY)],
  );
  return since?.id ?? Number.MAX_SAFE_INTEGER;
}

/** Refunds that a person asked for and nobody approved, of versions that counted them. */
const ALONE = `FROM refunds r
  JOIN audit_logs a ON a.subject_type = 'refund' AND a.subject_id = r.id AND a.action = 'RefundOrder'
    AND (a.role IS NOT NULL OR a.id > ?)
  WHERE r.cause = 'requested' AND r.approve_deadline IS NULL`;

async function* findUncounted({ db }: CheckContext): AsyncIterable<Finding> {
  yield* findRows(
    db,
    `SELECT t.person, CAST(t.business_day AS CHAR) AS business_day, SUM(t.refunded) AS refunded, SUM(t.counted) AS counted
    FROM (
      SELECT SUBSTRING_INDEX(r.requested_by, '/', -1) AS person, DATE(r.create_time + INTERVAL 8 HOUR) AS business_day,
        r.amount AS refunded, 0 AS counted
      ${ALONE}
      UNION ALL
      SELECT person, business_day, 0, amount FROM refund_alone_days
    ) t
    GROUP BY t.person, t.business_day
    HAVING SUM(t.refunded) <> SUM(t.counted)`,
    [await readNamedFrom(db)],
  );
}

async function* findAlone({ db, now, facts: { limits = {} } }: CheckContext): AsyncIterable<Finding> {
  const since = addMs(now, -TOLD_FOR_DAYS * MS_PER_DAY);
  const { refundsOfOrder, refundsOfDay, promotionCost } = limits;
  if (refundsOfOrder !== undefined) {
    yield* findRows(
      db,
      `SELECT 'order' AS what, r.order_id AS subject, SUM(r.amount) AS amount, ? AS limit_now, MAX(r.create_time) AS last_time,
        MAX(r.requested_by) AS person
      ${ALONE} AND r.status NOT IN ('closed', 'failed')
      GROUP BY r.order_id HAVING SUM(r.amount) > ? AND MAX(r.create_time) >= ?`,
      [refundsOfOrder, await readNamedFrom(db), refundsOfOrder, since],
    );
  }
  if (refundsOfDay !== undefined) {
    yield* findRows(
      db,
      `SELECT 'business day' AS what, CAST(business_day AS CHAR) AS subject, amount, ? AS limit_now, person
      FROM refund_alone_days WHERE amount > ? AND business_day >= ?`,
      [refundsOfDay, refundsOfDay, since],
    );
  }
  if (promotionCost !== undefined) yield* findPromotionsAlone(db, promotionCost, since);
}
