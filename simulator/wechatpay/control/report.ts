import { balanceFen } from '../account';
import type { Books } from '../books';
import { payerTotalFen, type Order, type TradeType } from '../order';
import { refundedFen, refundStatus, statusTimeMs, type Refund } from '../refund';
import { shanghaiRfc3339 } from '../time';

const CREDENTIAL_NAMES: Readonly<Record<TradeType, string>> = {
  NATIVE: 'code_url',
  JSAPI: 'prepay_id',
  APP: 'prepay_id',
  MWEB: 'h5_url',
};

/** One order with its money. */
export function orderReport(books: Books, order: Order, now: Date): object {
  const { transaction, closeTimeMs } = order;
  const refunds = books.refundsOf(order.outTradeNo);
  return {
    order_id: order.outTradeNo,
    trade_type: order.tradeType,
    trade_state: books.tradeState(order, now),
    amount: order.parameters.amount.total,
    notify_url: order.parameters.notify_url,
    [CREDENTIAL_NAMES[order.tradeType]]: order.credential,
    prepay_count: order.prepayCount,
    failed_attempts: order.failedAttempts ?? 0,
    expire_time: time(order.expireTimeMs),
    ...(closeTimeMs === undefined ? {} : { close_time: time(closeTimeMs) }),
    ...(transaction === undefined
      ? {}
      : {
          transaction_id: transaction.transactionId,
          paid_amount: transaction.amountFen,
          payer_total: payerTotalFen(transaction),
          success_time: time(transaction.successTimeMs),
        }),
    refunded_amount: refundedFen(refunds),
    refunds: refunds.map(refundReport),
  };
}

/** How each notification of an order fared. */
export function deliveryReports(books: Books, order: Order): object[] {
  return books.deliveriesOf(order.outTradeNo).map((delivery) => ({
    notification_id: delivery.notificationId,
    event_type: delivery.eventType,
    transaction_id: delivery.transactionId,
    state: delivery.state,
    ...(delivery.corruption === undefined ? {} : { corrupt: delivery.corruption }),
    attempts: delivery.attempts.map(({ status, body }) => ({ status, body })),
  }));
}

/** All that there is, down to the fen; `refunded` leaves closed refunds out. */
export function booksReport(books: Books, now: Date): object {
  const orders = books.orders();
  const paid = orders.reduce((sum, { transaction }) => sum + (transaction?.amountFen ?? 0), 0);
  return {
    orders: orders.map((order) => orderReport(books, order, now)),
    totals: { paid, refunded: refundedFen(books.refunds()) },
    balance: balanceFen(books),
  };
}

function refundReport(refund: Refund): object {
  const status = refundStatus(refund);
  return {
    refund_id: refund.refundId,
    out_refund_no: refund.outRefundNo,
    transaction_id: refund.transactionId,
    amount: refund.amountFen,
    payer_refund: refund.payerRefundFen,
    status,
    made_in: refund.parameters === undefined ? 'portal' : 'api',
    create_time: time(refund.createTimeMs),
    ...(status === 'SUCCESS' ? { success_time: time(statusTimeMs(refund)) } : {}),
  };
}

function time(ms: number): string {
  return shanghaiRfc3339(new Date(ms));
}
