import type { Bilingual } from '../bilingual';
import type { Check, QueryCheck, Severity } from '../check';
import { findRows } from '../sql-check';
import { invariantCheck } from './invariant-check';

/**
 * What is open: nothing of it is wrong by itself, but somebody has to end it. What should have been done an hour ago and was not says
 * that the worker does not do its work.
 */

interface Limbo {
  readonly id: string;
  readonly severity: Severity;
  readonly title: Bilingual;
  readonly fix: Bilingual;
  /** With the time of the review wherever it has a question mark. */
  readonly sql: string;
}

function limboCheck({ sql, ...terms }: Limbo): QueryCheck {
  const times = sql.split('?').length - 1;
  return {
    ...terms,
    section: 'payments',
    item: 'no-limbo',
    run: ({ db, now }) => findRows(db, sql, Array<Date>(times).fill(now)),
  };
}

export const LIMBO_CHECKS: readonly Check[] = [
  limboCheck({
    id: 'settlement-cases-open',
    severity: 'medium',
    title: { zh: '有未结的配额扣减：任务结果不明', en: 'Charges are open whose tasks nobody knows the end of' },
    fix: {
      zh: '查明任务结果后调用 ReportTaskOutcome：失败则返还配额，成功则结清',
      en: 'Find out what became of the task and report it: units of a failed one come back',
    },
    sql: `SELECT user_id, sequence, task_id, kind, units, reason, open_time FROM settlement_cases WHERE resolve_time IS NULL`,
  }),
  limboCheck({
    id: 'refunds-stuck',
    severity: 'medium',
    title: { zh: '退款异常或久未完成', en: 'A refund is abnormal, or has not ended for a week' },
    fix: {
      zh: '按 docs/alerts.md 中 refund_abnormal 的步骤处理：在商户平台改退到其他账户',
      en: 'Follow refund_abnormal in docs/alerts.md: the merchant portal can send it to another account',
    },
    sql: `SELECT id AS refund_id, order_id, amount, status, create_time FROM refunds
      WHERE status = 'abnormal' OR (status IN ('created', 'processing') AND create_time < ? - INTERVAL 7 DAY)`,
  }),
  limboCheck({
    id: 'critical-alerts-open',
    severity: 'medium',
    title: { zh: '有未处理的严重告警', en: 'Critical alerts are open' },
    fix: { zh: '按 docs/alerts.md 逐条处理', en: 'Handle each as docs/alerts.md says' },
    sql: `SELECT id AS alert_id, kind, subject_type, subject_id, open_time FROM alerts
      WHERE resolve_time IS NULL AND severity = 'critical'`,
  }),
  limboCheck({
    id: 'warnings-open',
    severity: 'minor',
    title: { zh: '有未处理的一般告警', en: 'Warnings are open' },
    fix: { zh: '按 docs/alerts.md 逐条处理', en: 'Handle each as docs/alerts.md says' },
    sql: `SELECT id AS alert_id, kind, subject_type, subject_id, open_time FROM alerts
      WHERE resolve_time IS NULL AND severity <> 'critical'`,
  }),
  limboCheck({
    id: 'dead-letters-open',
    severity: 'medium',
    title: { zh: '有后台任务最终失败', en: 'A job failed for the last time' },
    fix: { zh: '查明失败原因后重新运行（billing jobs）', en: 'Find out why, then have it run again (billing jobs)' },
    sql: `SELECT id AS dead_letter_id, job, subject, state, attempts, last_time FROM job_dead_letters WHERE resolve_time IS NULL`,
  }),
  limboCheck({
    id: 'work-overdue',
    severity: 'medium',
    title: { zh: '到期超过一小时的工作没有处理', en: 'Work that was due an hour ago was not done' },
    fix: {
      zh: '检查 worker 是否在运行、Redis 与数据库是否可用；未返还的配额、未完成的退款与未执行的个人信息删除都在其中',
      en: 'See whether the worker runs, and Redis and the database answer: quota to be returned, refunds to be made and erasures are among it',
    },
    sql: `SELECT 'charge' AS what, CONCAT(user_id, ' ', sequence) AS subject, due_time FROM quota_charges
        WHERE due_time < ? - INTERVAL 1 HOUR
      UNION ALL
      SELECT 'order', id, next_check_time FROM orders WHERE next_check_time < ? - INTERVAL 1 HOUR
      UNION ALL
      SELECT 'refund', id, next_attempt_time FROM refunds WHERE next_attempt_time < ? - INTERVAL 1 HOUR
      UNION ALL
      SELECT 'notification', id, next_attempt_time FROM wechatpay_notifications WHERE next_attempt_time < ? - INTERVAL 1 HOUR
      UNION ALL
      SELECT 'grant', order_id, next_grant_time FROM membership_periods WHERE next_grant_time < ? - INTERVAL 1 HOUR
      UNION ALL
      SELECT 'membership notice', user_id, next_time FROM membership_notices WHERE next_time < ? - INTERVAL 1 HOUR
      UNION ALL
      SELECT 'erasure', id, next_run_time FROM user_erasures WHERE next_run_time < ? - INTERVAL 1 HOUR
      UNION ALL
      SELECT 'event delivery', CONCAT(sink, ' ', event_id), next_attempt_time FROM event_deliveries
        WHERE state = 'pending' AND next_attempt_time < ? - INTERVAL 1 HOUR`,
  }),
  invariantCheck('INV-20', {
    id: 'charge-forgotten',
    section: 'payments',
    item: 'no-limbo',
    severity: 'severe',
    title: {
      zh: '未结的扣减不会再被处理：失败任务的配额可能永不返还',
      en: 'An open charge is not due any more: units of a failed task might never come back',
    },
    fix: {
      zh: '恢复其到期时间或直接报告任务结果；查明是谁改动了 quota_charges',
      en: 'Have it due again or report the task; find who changed quota_charges',
    },
  }),
  invariantCheck('INV-21', {
    id: 'case-disagrees-with-charge',
    section: 'payments',
    item: 'no-limbo',
    severity: 'severe',
    title: { zh: '结算案件与其扣减状态不一致', en: 'A case is not open exactly as long as its charge' },
    fix: {
      zh: '案件随扣减结清而关闭：核对 settlement_cases 与 quota_charges',
      en: 'A case ends with its charge: compare settlement_cases with quota_charges',
    },
  }),
  invariantCheck('INV-40', {
    id: 'membership-notice-wrong',
    section: 'payments',
    item: 'no-limbo',
    severity: 'minor',
    title: { zh: '会员到期提醒与会员期不一致', en: 'A notice of a membership is of an end that does not count' },
    fix: {
      zh: '由 remind-memberships 重新计算该用户的提醒',
      en: 'Have remind-memberships work out the notices of the user again',
    },
  }),
];
