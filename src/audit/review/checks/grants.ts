import type { Check } from '../check';
import { sqlCheck } from '../sql-check';
import { invariantCheck } from './invariant-check';
import { registrationCountWrong } from './registration-count';

/** Whether every grant of quota and every period of a membership has its cause (R2.2, R10.3). */

const GRANTED = { section: 'quota', item: 'grants-paid' } as const;

export const GRANT_CHECKS: readonly Check[] = [
  sqlCheck(
    {
      id: 'grant-without-payment',
      ...GRANTED,
      severity: 'severe',
      title: { zh: '会员配额没有已支付的订单', en: 'Membership units were granted without a paid order' },
      fix: {
        zh: '收回该批配额；绕过支付流程发放是严重事故，追查谁能写 quota_grants 与 quota_logs',
        en: 'Revoke the lot; a grant around the payment flow is an incident: find who can write quota_grants and quota_logs',
      },
    },
    `SELECT g.user_id, g.grant_id, g.amount, g.order_id, o.status AS order_status
    FROM quota_grants g
    LEFT JOIN orders o ON o.id = g.order_id AND o.user_id = g.user_id
    WHERE g.source = 'membership' AND o.paid_time IS NULL`,
  ),
  invariantCheck('INV-10', {
    id: 'period-without-order',
    ...GRANTED,
    severity: 'severe',
    title: {
      zh: '会员期与订单不对应：已付订单没有唯一的会员期，或会员期不是该订单所售',
      en: 'A paid order has not exactly one period of what it sold, or a period has no paid order',
    },
    fix: {
      zh: '没有已付订单的会员期应收回；缺少会员期的已付订单应补发，并查明原因',
      en: 'Revoke a period without a paid order; give what a paid order lacks, and find out why',
    },
  }),
  invariantCheck('INV-11', {
    id: 'grant-schedule-wrong',
    ...GRANTED,
    severity: 'severe',
    title: {
      zh: '会员期的分期配额与其条款不符：多发、少发、金额或到期时间不对',
      en: 'The parts of a period were not given as it says: too many, too few, or of other units or expiry',
    },
    fix: {
      zh: '对照会员期条款逐期核对已发放的批次；多发的收回，漏发的由 grant-due-periods 补发',
      en: 'Compare the lots with the terms interval by interval: revoke what is too much, have the job give what is missing',
    },
  }),
  invariantCheck('INV-12', {
    id: 'membership-standing-wrong',
    ...GRANTED,
    severity: 'severe',
    title: {
      zh: '用户的会员到期时间与其会员期不一致，或会员期重叠',
      en: "A user's membership is not what the periods say, or periods overlap",
    },
    fix: {
      zh: '会员到期时间只能由已付订单的会员期产生：按会员期更正',
      en: 'Only periods of paid orders make a membership: correct it by them',
    },
  }),
  invariantCheck('INV-8', {
    id: 'registration-grant-wrong',
    ...GRANTED,
    severity: 'severe',
    title: { zh: '注册赠送多发或漏发', en: 'A user has not exactly the registration grant that is due' },
    fix: {
      zh: '每个用户、每个身份只赠送一次：收回多发的，并检查是否有刷单',
      en: 'Once for a user and an identity, ever: revoke what is too much and look for farming',
    },
  }),
  invariantCheck('INV-23', {
    id: 'registration-identity-reused',
    ...GRANTED,
    severity: 'severe',
    title: {
      zh: '同一身份的注册赠送登记与用户不符',
      en: 'The registration grants of identities and of users do not agree',
    },
    fix: {
      zh: '核对 granted_identities 与注册赠送批次，查明被写入或删除的行',
      en: 'Compare granted_identities with the registration lots, and find what was written or deleted',
    },
  }),
  registrationCountWrong,
  invariantCheck('INV-43', {
    id: 'gift-outside-campaign',
    ...GRANTED,
    severity: 'severe',
    title: {
      zh: '活动赠送的配额与活动不符，或超出预算',
      en: 'A gift is not what its campaign gives, or a campaign gave beyond its budget',
    },
    fix: {
      zh: '收回不属于任何已批准活动的批次；预算计数由触发器维护，检查触发器是否被移除',
      en: 'Revoke what no approved campaign gave; a trigger keeps the count: see whether it is there',
    },
  }),
  sqlCheck(
    {
      id: 'compensation-without-cause',
      ...GRANTED,
      severity: 'severe',
      title: {
        zh: '补偿配额没有对应的逾期返还',
        en: 'Compensation was granted though nothing came back too late',
      },
      fix: {
        zh: '补偿只在返还到已过期批次时产生：收回该批配额，追查写入者',
        en: 'Compensation only replaces units that came back to a lot which had expired: revoke it and find who wrote it',
      },
    },
    `SELECT g.user_id, g.grant_id, g.amount, g.source_ref
    FROM quota_grants g
    LEFT JOIN quota_logs e ON e.user_id = g.user_id AND e.sequence = g.grant_id - 1 AND e.type = 'EXPIRE' AND e.units = g.amount
    LEFT JOIN quota_logs r ON r.user_id = g.user_id AND r.sequence = CAST(SUBSTRING_INDEX(g.source_ref, ':', 1) AS SIGNED)
      AND r.type IN ('REFUND', 'RELEASE', 'CAPTURE')
    LEFT JOIN quota_grants x ON x.user_id = g.user_id AND x.source <> 'compensation'
      AND x.grant_id = CAST(SUBSTRING_INDEX(g.source_ref, ':', -1) AS SIGNED)
    WHERE g.source = 'compensation' AND (e.user_id IS NULL OR r.user_id IS NULL OR x.user_id IS NULL)`,
  ),
  invariantCheck('INV-44', {
    id: 'gift-without-second-person',
    section: 'permissions',
    item: 'second-person',
    severity: 'severe',
    title: {
      zh: '赠送活动未经第二人批准，或赠送没有审计记录',
      en: 'A campaign gave without a second person, or a gift has no audit row',
    },
    fix: {
      zh: '暂停该活动；由未参与编辑的人复核条款与已赠送的配额',
      en: 'Pause the campaign; somebody who did not make it looks at its terms and at what it gave',
    },
  }),
  sqlCheck(
    {
      id: 'promotion-without-second-person',
      section: 'permissions',
      item: 'second-person',
      severity: 'severe',
      title: {
        zh: '可免单的活动由其编辑者本人启用',
        en: 'A promotion that may make orders free was activated by who made it',
      },
      fix: {
        zh: '暂停该活动；由未参与编辑的人复核条款与已使用的优惠券',
        en: 'Pause the promotion; somebody who did not make it looks at its terms and at what was used',
      },
    },
    `SELECT p.id AS promotion_id, p.status, p.created_by, a.actor AS activated_by, a.create_time AS activate_time
    FROM promotions p
    JOIN audit_logs a ON a.subject_type = 'promotion' AND a.subject_id = p.id AND a.action = 'SetPromotionStatus'
      AND JSON_VALUE(a.after_state, '$.status') = 'active'
    WHERE p.may_be_free <> 0
      AND LOCATE(CONCAT('/', SUBSTRING_INDEX(a.actor, '/', -1), '"'), JSON_EXTRACT(a.before_state, '$.editors')) > 0`,
  ),
];
