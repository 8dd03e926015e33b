import type { Books } from './books';
import { flowNumber } from './identifiers';
import { settlementFen, transactionFeeFen, type Order } from './order';
import type { Refund } from './refund';

/** One movement on the merchant's basic account. */
export interface Movement {
  readonly timeMs: number;
  readonly flowNumber: string;
  /** The transaction_id or refund_id that it belongs to. */
  readonly businessId: string;
  readonly name: string;
  readonly amountFen: number;
  /** The merchant's own number: out_trade_no or out_refund_no. */
  readonly voucher: string;
}

/** Every movement so far, oldest first; what moved nothing is no movement. */
export function movements(books: Books): Movement[] {
  const all = [
    ...books.orders().flatMap(orderMovements),
    ...books.refunds().flatMap(refundMovements),
    ...books
      .adjustments()
      .map(({ adjustmentId, timeMs, amountFen }) =>
        movement(adjustmentId, adjustmentId, timeMs, amountFen > 0 ? '充值' : '提现', amountFen),
      ),
  ];
  return all.filter(({ amountFen }) => amountFen !== 0).sort((one, other) => one.timeMs - other.timeMs);
}

/** What is left on the account. */
export function balanceFen(books: Books): number {
  return movements(books).reduce((sum, { amountFen }) => sum + amountFen, 0);
}

function orderMovements({ transaction, outTradeNo }: Order): Movement[] {
  if (transaction === undefined) return [];
  const { transactionId, successTimeMs } = transaction;
  return [
    movement(transactionId, outTradeNo, successTimeMs, '交易', settlementFen(transaction)),
    movement(transactionId, outTradeNo, successTimeMs, '扣除交易手续费', -transactionFeeFen(transaction)),
  ];
}

/** The money leaves when the refund is accepted; a closed refund brings it back. */
function refundMovements(refund: Refund): Movement[] {
  const { refundId, outRefundNo, createTimeMs, settlementRefundFen, feeReturnFen } = refund;
  const out = [
    movement(refundId, outRefundNo, createTimeMs, '退款', -settlementRefundFen),
    movement(refundId, outRefundNo, createTimeMs, '退还交易手续费', feeReturnFen),
  ];
  const closed = refund.history.find(({ status }) => status === 'CLOSED');
  if (closed === undefined) return out;
  return [
    ...out,
    movement(refundId, outRefundNo, closed.timeMs, '退款关闭', settlementRefundFen),
    movement(refundId, outRefundNo, closed.timeMs, '退款关闭扣除交易手续费', -feeReturnFen),
  ];
}

function movement(businessId: string, voucher: string, timeMs: number, name: string, amountFen: number): Movement {
  return { timeMs, flowNumber: flowNumber(`${businessId} ${name}`), businessId, name, amountFen, voucher };
}
