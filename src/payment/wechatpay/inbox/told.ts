import type { z } from 'zod';
import { fromEpochMs } from '../../../platform/time';
import { refundNotificationShape } from '../refund';
import {
  parseTransactionContent,
  transactionContent,
  transactionShape,
  type WechatpayTransaction,
} from '../transaction';

/** What a notification tells, and the form in which the inbox holds that; pure. */

/** A refund as a notification tells it: it names the merchant, but no app. */
export type NotifiedRefund = z.output<typeof refundNotificationShape>;

export type Told =
  | { readonly kind: 'payment'; readonly transaction: WechatpayTransaction }
  | { readonly kind: 'refund'; readonly refund: NotifiedRefund }
  /** Of a kind that nothing here applies. */
  | { readonly kind: 'ignored' };

/** The events that are applied. Source: WeChat Pay API v3, 支付成功回调通知 and 退款结果通知. */
const APPLIED_EVENTS = ['TRANSACTION.SUCCESS', 'REFUND.SUCCESS', 'REFUND.CLOSED', 'REFUND.ABNORMAL'] as const;
type AppliedEvent = (typeof APPLIED_EVENTS)[number];

export function isApplied(eventType: string): eventType is AppliedEvent {
  return (APPLIED_EVENTS as readonly string[]).includes(eventType);
}

const payment = transactionShape.transform((transaction): Told => ({ kind: 'payment', transaction }));

/** A refund that tells another state than its event can not be believed either way. */
function refundOf(status: NotifiedRefund['status']) {
  return refundNotificationShape
    .refine((refund) => refund.status === status, { path: ['refund_status'] })
    .transform((refund): Told => ({ kind: 'refund', refund }));
}

/** Shape of the decrypted resource of each event that is applied. */
export const toldShapes: Readonly<Record<AppliedEvent, z.ZodType<Told>>> = {
  'TRANSACTION.SUCCESS': payment,
  'REFUND.SUCCESS': refundOf('SUCCESS'),
  'REFUND.CLOSED': refundOf('CLOSED'),
  'REFUND.ABNORMAL': refundOf('ABNORMAL'),
};

/** What names the thing that is told of: the business key together with the event's type. */
export function subjectIdOf(told: Told, eventId: string): string {
  if (told.kind === 'payment') return told.transaction.transactionId;
  return told.kind === 'refund' ? told.refund.refundId : eventId;
}

/** Our order that is named; undefined where none is. */
export function orderIdOf(told: Told): string | undefined {
  if (told.kind === 'payment') return told.transaction.outTradeNo;
  return told.kind === 'refund' ? told.refund.outTradeNo : undefined;
}

type StoredRefund = Omit<NotifiedRefund, 'successTime'> & { readonly successTime: string | null };

/**
 * The stored form: JSON without personal data. A payment lies as it did before refunds were stored, and a refund under a
 * name of its own: versions that know none take its row for one without content, and leave it alone.
 */
export function toldContent(told: Told): string {
  if (told.kind === 'ignored') return '{}';
  if (told.kind === 'payment') return JSON.stringify(transactionContent(told.transaction));
  return JSON.stringify({ refund: told.refund });
}

/** Reads the stored form back, of earlier versions too: those stored nothing of a refund. */
export function parseToldContent(content: string): Told {
  const { refund } = JSON.parse(content) as { readonly refund?: StoredRefund };
  if (refund !== undefined) {
    const { successTime, ...facts } = refund;
    const time = successTime === null ? null : fromEpochMs(Date.parse(successTime));
    return { kind: 'refund', refund: { ...facts, successTime: time } };
  }
  const transaction = parseTransactionContent(content);
  return transaction === undefined ? { kind: 'ignored' } : { kind: 'payment', transaction };
}
