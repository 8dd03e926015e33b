import type { OrderRow } from '../order';
import type { PaymentRow, RefundEvent, RefundRow, RefundStatus, ToldRefund } from '../payment';

/** What WeChat Pay tells of a refund, against what we know; pure. */

/** What each status that WeChat Pay tells is to a refund of ours. */
export const TOLD_EVENTS: Readonly<Record<ToldRefund['status'], RefundEvent>> = {
  PROCESSING: 'accepted',
  SUCCESS: 'succeeded',
  CLOSED: 'closed',
  ABNORMAL: 'stuck',
};

/** What we know of what is told. */
export interface KnownRefund {
  readonly order: Pick<OrderRow, 'id'>;
  /** The payment of the transaction that is told of. */
  readonly payment: Pick<PaymentRow, 'id' | 'orderId' | 'amount'>;
  /** The refund of that number; undefined: we never asked for it. */
  readonly refund: Pick<RefundRow, 'paymentId' | 'amount' | 'refundId' | 'status'> | undefined;
  /** What of the payment went back already. */
  readonly wentBack: number;
}

/** Why what is told can not be booked. */
export type Unbookable =
  | 'other_order'
  | 'other_transaction'
  | 'total_mismatch'
  | 'amount_mismatch'
  | 'other_refund_id'
  | 'exceeds_paid'
  | 'contradiction';

/** Why what is told can not be booked; undefined when it can, or is known. */
export function findUnbookable(
  told: ToldRefund,
  { order, payment, refund, wentBack }: KnownRefund,
): Unbookable | undefined {
  if (told.outTradeNo !== order.id || payment.orderId !== order.id) return 'other_order';
  if (told.total !== payment.amount) return 'total_mismatch';
  if (refund === undefined) return told.amount > payment.amount - wentBack ? 'exceeds_paid' : undefined;
  if (refund.paymentId !== payment.id) return 'other_transaction';
  if (told.amount !== refund.amount) return 'amount_mismatch';
  if (refund.refundId !== null && told.refundId !== refund.refundId) return 'other_refund_id';
  if (contradicts(refund.status, told.status)) return 'contradiction';
  const isNewSuccess = told.status === 'SUCCESS' && refund.status !== 'succeeded';
  return isNewSuccess && told.amount > payment.amount - wentBack ? 'exceeds_paid' : undefined;
}

/**
 * Money that moved after we gave the refund up, or did not move after it went back: never to be taken for old news that
 * came late, as an earlier state of the same refund is. Of a proposal, which nobody sent, there is nothing to tell.
 */
function contradicts(status: RefundStatus, told: ToldRefund['status']): boolean {
  if (status === 'proposed') return true;
  if (status === 'succeeded') return told === 'CLOSED';
  if (status === 'closed') return told === 'SUCCESS';
  return status === 'failed' && told !== 'CLOSED';
}
