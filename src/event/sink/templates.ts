import { businessTime } from '../../platform/time';
import type { CloudEvent } from '../envelope';

/** What people read: in Chinese and in English, from an event's data alone. No personal data is in it, only ids. */

export type Language = 'zh' | 'en';

/** A notification. */
export interface Notice {
  readonly title: string;
  readonly text: string;
}

type Data = Readonly<Record<string, unknown>>;
type Template = (subject: string, data: Data) => Notice;

/** 1234 fen are ¥12.34. */
function yuan(fen: unknown): string {
  const amount = Number(fen);
  const [whole, cents] = [Math.trunc(amount / 100), Math.abs(amount % 100)];
  return `¥${whole}.${String(cents).padStart(2, '0')}`;
}

function when(data: Data): string {
  return businessTime(String(data['expire_time']));
}

/** Every type that there is a text for. */
export const TEMPLATES: Readonly<Record<string, Readonly<Record<Language, Template>>>> = {
  'membership.expiring': {
    zh: (user, data) => ({
      title: '会员即将到期',
      text: `用户 ${user} 的会员将在 ${String(data['days_left'])} 天后到期，到期时间：${when(data)}（北京时间）。如需继续使用，请及时续费。`,
    }),
    en: (user, data) => ({
      title: 'Membership about to expire',
      text: `The membership of user ${user} expires in ${String(data['days_left'])} day(s), at ${when(data)} (Beijing time). Renew in time to go on using it.`,
    }),
  },
  'membership.expired': {
    zh: (user, data) => ({
      title: '会员已到期',
      text: `用户 ${user} 的会员已于 ${when(data)}（北京时间）到期。续费后可继续享受会员权益。`,
    }),
    en: (user, data) => ({
      title: 'Membership expired',
      text: `The membership of user ${user} expired at ${when(data)} (Beijing time). Renew it to use its features again.`,
    }),
  },
  'quota.low': {
    zh: (user, data) => ({
      title: '额度不足提醒',
      text: `用户 ${user} 的剩余额度为 ${String(data['quota_remaining'])}，请及时充值或升级套餐。`,
    }),
    en: (user, data) => ({
      title: 'Quota is low',
      text: `User ${user} has ${String(data['quota_remaining'])} unit(s) left. Buy more, or move to a larger plan.`,
    }),
  },
  'refund.succeeded': {
    zh: (user, data) => ({
      title: '退款已完成',
      text: `用户 ${user} 的订单 ${String(data['order_id'])} 已退款 ${yuan(data['amount'])}，退款单号：${String(data['refund_id'])}。`,
    }),
    en: (user, data) => ({
      title: 'Refund done',
      text: `${yuan(data['amount'])} went back to user ${user} for order ${String(data['order_id'])} (refund ${String(data['refund_id'])}).`,
    }),
  },
};

/** What an event says to people; undefined for a type that there is no text for. */
export function noticeOf({ type, subject = '', data }: CloudEvent, language: Language): Notice | undefined {
  return TEMPLATES[type]?.[language](subject, data);
}
