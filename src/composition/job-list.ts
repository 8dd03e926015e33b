import type { JobEntry, JobKind } from '../platform/jobs/job-entry';

/**
 * Every job there is: what it is called, when it is due, and what it means. The only list: the worker runs exactly these
 * (worker-role.ts, event-parts.ts), JobService tells them, and docs/jobs.md is compared with it.
 */
export const JOB_LIST = [
  {
    name: 'check-due-orders',
    kind: 'subject',
    schedule: 'poll',
    meaning: {
      en: 'Asks WeChat Pay about an order that nobody has heard of, and closes one whose time is over.',
      zh: '向微信支付查询久无消息的订单,并关闭已过期的订单。',
    },
  },
  {
    name: 'advance-due-refunds',
    kind: 'subject',
    schedule: 'poll',
    meaning: {
      en: 'Sends a refund that waits to be sent, and asks about one whose outcome is not known.',
      zh: '提交待发送的退款,并查询结果未知的退款。',
    },
  },
  {
    name: 'expire-proposed-refunds',
    kind: 'subject',
    schedule: 'poll',
    meaning: {
      en: 'Ends a proposed refund that nobody approved in seven days.',
      zh: '结束七天内无人批准的退款申请。',
    },
  },
  {
    name: 'grant-due-periods',
    kind: 'subject',
    schedule: 'poll',
    meaning: {
      en: "Gives a user the quota of the membership's intervals that have begun, missed ones too.",
      zh: '为用户发放已到期的会员周期额度,错过的一并补发。',
    },
  },
  {
    name: 'remind-memberships',
    kind: 'subject',
    schedule: 'poll',
    meaning: {
      en: 'Says that a membership is about to end, or has ended, and books the expiry of its quota.',
      zh: '发出会员即将到期、已到期的事件,并登记额度过期。',
    },
  },
  {
    name: 'deliver-events',
    kind: 'subject',
    schedule: 'poll',
    meaning: {
      en: "Hands a user's events to a sink (webhook, WeCom, e-mail, log), one after another.",
      zh: '把用户的事件依次投递到订阅方（Webhook、企业微信、邮件、日志）。',
    },
  },
  {
    name: 'erase-users',
    kind: 'subject',
    schedule: 'poll',
    meaning: {
      en: 'Carries out an erasure of personal data that two people have agreed to, and looks again later for what came after.',
      zh: '执行经两人同意的个人信息删除,并在之后复查迟到的数据。',
    },
  },
  {
    name: 'run-reviews',
    kind: 'subject',
    schedule: 'poll',
    meaning: {
      en: 'Makes a financial review of the whole database that somebody has asked for, and signs it.',
      zh: '执行已申请的全库财务审查并签名。',
    },
  },
  {
    name: 'apply-due-notifications',
    kind: 'sweep',
    schedule: 'poll',
    meaning: {
      en: 'Applies what WeChat Pay told and could not be applied at once.',
      zh: '处理微信支付已通知但当时未能生效的消息。',
    },
  },
  {
    name: 'settle-due-charges',
    kind: 'sweep',
    schedule: 'poll',
    meaning: {
      en: 'Settles charges and holds that nobody settled by their deadline, by asking how their task ended.',
      zh: '结算逾期未了的扣减与预占:向任务服务查询任务结果。',
    },
  },
  {
    name: 'expire-due-coupons',
    kind: 'sweep',
    schedule: 'poll',
    meaning: {
      en: 'Books the expiry of unused coupons whose time is over.',
      zh: '登记已过期的未使用优惠券。',
    },
  },
  {
    name: 'seal-audit-log',
    kind: 'sweep',
    schedule: 'poll',
    meaning: {
      en: 'Gives committed rows of the audit log their place in its hash chain.',
      zh: '为已提交的审计日志编入哈希链。',
    },
  },
  {
    name: 'reseal-data',
    kind: 'sweep',
    schedule: 'poll',
    meaning: {
      en: 'Seals values of a running key rotation anew with the first data key.',
      zh: '数据密钥轮换期间,用第一把密钥重新加密数据。',
    },
  },
  {
    name: 'drop-old-refusals',
    kind: 'daily',
    schedule: { hour: 3, minute: 20 },
    meaning: {
      en: 'Deletes the reasons of refusals that are older than 30 days.',
      zh: '删除 30 天前的拒绝原因记录。',
    },
  },
  {
    name: 'trim-outbox',
    kind: 'daily',
    schedule: { hour: 3, minute: 40 },
    meaning: {
      en: 'Deletes events that were in the stream for 7 days.',
      zh: '删除已在事件流中保留 7 天的事件。',
    },
  },
  {
    name: 'make-anchor',
    kind: 'hourly',
    schedule: { minute: 5 },
    meaning: {
      en: 'Signs where every log stands, and hands that out to where nobody can rewrite it.',
      zh: '为所有账本的当前位置签名,并存放到无人能改写之处。',
    },
  },
  {
    name: 'relay-events',
    kind: 'leased',
    schedule: 'always',
    meaning: {
      en: 'Takes committed events from the database to the stream, in order.',
      zh: '把已提交的事件按顺序从数据库写入事件流。',
    },
  },
  {
    name: 'count-open-alerts',
    kind: 'process',
    schedule: 'poll',
    meaning: {
      en: 'Counts the open alerts for the gauges of this process.',
      zh: '统计未处理告警,更新本进程指标。',
    },
  },
  {
    name: 'measure-sealed-values',
    kind: 'process',
    schedule: 'poll',
    meaning: {
      en: 'Counts what old data keys still seal, and finds keys that are missing from the ring, every 30 seconds.',
      zh: '每 30 秒统计旧密钥加密的数据量,并检查密钥环是否缺少仍在使用的密钥。',
    },
  },
  {
    name: 'measure-jobs',
    kind: 'process',
    schedule: 'poll',
    meaning: {
      en: 'Counts dead letters and measures how long the oldest due work waits, for the gauges of this process.',
      zh: '统计死信数量与最久待办的等待时长,更新本进程指标。',
    },
  },
] as const satisfies readonly JobEntry[];

/** The names of the jobs of one kind. */
export type JobName<Kind extends JobKind> = Extract<(typeof JOB_LIST)[number], { readonly kind: Kind }>['name'];

/** The entries of one kind. */
export function jobsOfKind<Kind extends JobKind>(kind: Kind): readonly JobOfKind<Kind>[] {
  return JOB_LIST.filter((entry): entry is JobOfKind<Kind> => entry.kind === kind);
}

type JobOfKind<Kind extends JobKind> = Extract<(typeof JOB_LIST)[number], { readonly kind: Kind }>;
