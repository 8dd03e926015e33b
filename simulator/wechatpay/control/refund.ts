import { randomAlphanumeric } from '../identifiers';
import { ApiError, orderNotExist } from '../api-error';
import type { Books } from '../books';
import { OUT_REFUND_NO } from '../api/refund-fields';
import { notifyUrlIssue } from '../api/prepay-fields';
import type { Telling } from '../notifier';
import { isPaid, refundedFen, refundStatus, type PaidOrder, type Refund, type RefundOutcome } from '../refund';
import type { RefundDesk } from '../refund-desk';
import { integer, required, text, type Fields } from '../schema';
import { TELLING_FIELDS } from './pay-fields';

/** The body of POST /_control/refund. README.md says what each field does. */
export interface RefundRequest extends Telling {
  readonly order_id: string;
  readonly amount?: number;
  readonly out_refund_no?: string;
  readonly outcome?: RefundOutcome;
  readonly notify_url?: string;
}

export const REFUND_REQUEST_FIELDS: Fields = {
  order_id: required(text(64)),
  amount: integer({ min: 1 }),
  out_refund_no: text(64, { pattern: OUT_REFUND_NO }),
  outcome: text(16, { oneOf: ['SUCCESS', 'CLOSED', 'ABNORMAL'] }),
  notify_url: text(256, { check: notifyUrlIssue }),
  ...TELLING_FIELDS,
};

interface RefundContext {
  readonly books: Books;
  readonly refunds: RefundDesk;
}

interface RefundAnswer {
  readonly refund_id: string;
  readonly out_refund_no: string;
  readonly amount: number;
  readonly status: string;
  /** The merchant's first answer to each copy; empty when nothing is told, or later. */
  readonly deliveries: { readonly status: number; readonly body: string }[];
}

/**
 * Plays the merchant portal, or decides what becomes of a refund that exists.
 * @throws ApiError 404 ORDER_NOT_EXIST; 409 ORDER_NOT_PAID, REFUND_TOO_LARGE, REFUND_OF_ANOTHER_ORDER, REFUND_FINISHED.
 */
export async function refundOrder({ books, refunds }: RefundContext, wanted: RefundRequest): Promise<RefundAnswer> {
  const order = books.order(wanted.order_id);
  if (order === undefined) throw orderNotExist();
  if (!isPaid(order)) throw new ApiError(409, 'ORDER_NOT_PAID', 'The order is not paid.', 0);
  const known = wanted.out_refund_no === undefined ? undefined : books.refund(wanted.out_refund_no);
  if (known !== undefined && known.outTradeNo !== order.outTradeNo) {
    throw new ApiError(409, 'REFUND_OF_ANOTHER_ORDER', `It belongs to ${known.outTradeNo}.`, 0);
  }
  const refund = known ?? refundInPortal({ books, refunds }, order, wanted);
  const byDefault = books.settings().refundOutcome;
  const outcome = wanted.outcome ?? (known === undefined ? byDefault : 'SUCCESS');
  const attempts = outcome === 'PROCESSING' ? [] : await refunds.decide(refund, outcome, wanted);
  return {
    refund_id: refund.refundId,
    out_refund_no: refund.outRefundNo,
    amount: refund.amountFen,
    status: refundStatus(books.refund(refund.outRefundNo) ?? refund),
    deliveries: attempts.map(({ status, body }) => ({ status, body })),
  };
}

/** The portal has neither the pause of a minute nor the limit of fifty. */
function refundInPortal({ books, refunds }: RefundContext, order: PaidOrder, wanted: RefundRequest): Refund {
  const leftFen = order.transaction.amountFen - refundedFen(books.refundsOf(order.outTradeNo));
  const amountFen = wanted.amount ?? leftFen;
  if (amountFen > leftFen || amountFen === 0) {
    throw new ApiError(409, 'REFUND_TOO_LARGE', `There are ${leftFen} fen left to refund.`, 0);
  }
  return refunds.accept(order, {
    outRefundNo: wanted.out_refund_no ?? `PORTAL${randomAlphanumeric(20)}`,
    amountFen,
    ...(wanted.notify_url === undefined ? {} : { notifyUrl: wanted.notify_url }),
  });
}
