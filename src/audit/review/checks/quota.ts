import type { Check } from '../check';
import { sqlCheck } from '../sql-check';
import { invariantCheck } from './invariant-check';
import { chargeDisagrees } from './quota-charges';

/** What lies beside the log: charges, reports, limits of features, events. The log itself: quota-log.ts (R2.4, R3.3, R9.1). */

const SECTION = 'quota';

export const QUOTA_CHECKS: readonly Check[] = [
  chargeDisagrees,
  invariantCheck('INV-22', {
    id: 'outcome-without-task',
    section: SECTION,
    item: 'quota-returns',
    severity: 'severe',
    title: { zh: '任务结果没有对应的扣减', en: 'An outcome was reported of a task that has no charges' },
    fix: {
      zh: '任务结果决定是否返还：查明是谁写入了 quota_task_outcomes',
      en: 'Outcomes decide about returns: find who wrote quota_task_outcomes',
    },
  }),
  invariantCheck('INV-42', {
    id: 'feature-limit-wrong',
    section: SECTION,
    item: 'quota-equation',
    severity: 'severe',
    title: {
      zh: '功能限额的已用量与扣减不一致，或超过会员期允许的数量',
      en: 'What a limit has seen is not what its charges took, or beyond what the period allows',
    },
    fix: {
      zh: '按 feature_charges 重新计算已用量；超限使用的由运营处理，并查明来源',
      en: 'Work it out again from feature_charges; people decide about what is beyond the limit, and find out how it came',
    },
  }),
  sqlCheck(
    {
      id: 'account-without-log',
      section: SECTION,
      item: 'quota-log',
      severity: 'severe',
      title: { zh: '账户、批次或扣减没有任何日志', en: 'An account, a lot or a charge has no log at all' },
      fix: {
        zh: '该用户的日志被整段删除，或账户是伪造的：用备份与锚点恢复',
        en: 'All of the log was deleted, or the account was forged: restore it with backup and anchor',
      },
    },
    // Found by what is not there: one look at the key of the log for each user.
    `SELECT 'account' AS what, u.id AS user_id, u.log_sequence AS number, u.quota_remaining AS units
    FROM users u
    LEFT JOIN quota_logs l ON l.user_id = u.id
    WHERE (u.log_sequence <> 0 OR u.quota_remaining <> 0) AND l.user_id IS NULL
    UNION ALL
    SELECT 'lots', g.user_id, g.lots, g.remaining
    FROM (SELECT user_id, COUNT(*) AS lots, SUM(remaining) AS remaining FROM quota_grants GROUP BY user_id) g
    LEFT JOIN quota_logs l ON l.user_id = g.user_id
    WHERE l.user_id IS NULL
    UNION ALL
    SELECT 'charges', c.user_id, c.charges, c.units
    FROM (SELECT user_id, COUNT(*) AS charges, SUM(units) AS units FROM quota_charges GROUP BY user_id) c
    LEFT JOIN quota_logs l ON l.user_id = c.user_id
    WHERE l.user_id IS NULL`,
  ),
  sqlCheck(
    {
      id: 'log-differs-from-its-events',
      section: SECTION,
      item: 'quota-chain',
      severity: 'severe',
      title: {
        zh: '日志与当时发出的事件不一致：历史在事后被重写',
        en: 'The log is not what its events told when it was written: history was rewritten since',
      },
      fix: {
        zh: '哈希链可能被整体重算：用最近的锚点核对（billing audit verify --anchor），并以事件接收方的记录为证',
        en: 'The chain may have been recomputed as a whole: compare with the last anchor (billing audit verify --anchor) and with what the receivers of events have',
      },
    },
    `SELECT c.user_id, c.last_sequence AS sequence, c.balance AS told_balance, l.quota_remaining AS logged_balance,
      o.create_time AS told_time
    FROM outbox o
    JOIN JSON_TABLE(o.payload, '$.changes[*]' COLUMNS (
      user_id VARCHAR(64) CHARACTER SET ascii PATH '$[0]',
      last_sequence BIGINT PATH '$[2]',
      balance BIGINT PATH '$[3]')) c
    LEFT JOIN quota_logs l ON l.user_id = c.user_id COLLATE ascii_bin AND l.sequence = c.last_sequence
    WHERE o.type = 'quota.changed' AND NOT (l.quota_remaining <=> c.balance)`,
  ),
];
