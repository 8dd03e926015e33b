import { feeFen, proportion } from './money';
import { payerTotalFen, transactionFeeFen, type Order, type Transaction } from './order';

export type RefundStatus = 'PROCESSING' | 'SUCCESS' | 'CLOSED' | 'ABNORMAL';
/** How a refund can end; ABNORMAL can still be helped. */
export type RefundOutcome = Exclude<RefundStatus, 'PROCESSING'>;

/** The parameters of a refund as they came, already validated. */
export interface RefundParameters {
  readonly transaction_id?: string;
  readonly out_trade_no?: string;
  readonly out_refund_no: string;
  readonly reason?: string;
  readonly notify_url?: string;
  readonly funds_account?: string;
  readonly amount: {
    readonly refund: number;
    readonly total: number;
    readonly currency: string;
    readonly from?: readonly { readonly account: string; readonly amount: number }[];
  };
}

/** One refund. Values are replaced, never changed in place. */
export interface Refund {
  readonly refundId: string;
  readonly outRefundNo: string;
  readonly outTradeNo: string;
  readonly transactionId: string;
  /** Absent: it was made in the merchant portal. */
  readonly parameters?: RefundParameters;
  /** Absent: the address configured in the portal. */
  readonly notifyUrl?: string;
  readonly amountFen: number;
  /** The parts of amountFen that go to the payer and to whoever gave the discount. */
  readonly payerRefundFen: number;
  readonly discountRefundFen: number;
  /** What the merchant really gives. */
  readonly settlementRefundFen: number;
  /** What WeChat Pay returns of its fee. */
  readonly feeReturnFen: number;
  readonly createTimeMs: number;
  /** Every status with its beginning, oldest first; never empty. */
  readonly history: readonly { readonly status: RefundStatus; readonly timeMs: number }[];
  /** What becomes of it by itself, and when by the machine's clock, which timers follow. */
  readonly due?: { readonly outcome: RefundOutcome; readonly timeMs: number };
  readonly channel: 'ORIGINAL' | 'OTHER_BANKCARD';
}

export function refundStatus(refund: Refund): RefundStatus {
  return refund.history.at(-1)?.status ?? 'PROCESSING';
}

/** What it was at an instant, as a bill of that instant tells it. */
export function refundStatusAt(refund: Refund, timeMs: number): RefundStatus {
  return refund.history.findLast((entry) => entry.timeMs <= timeMs)?.status ?? 'PROCESSING';
}

/** When it reached the status it has now. */
export function statusTimeMs(refund: Refund): number {
  return refund.history.at(-1)?.timeMs ?? refund.createTimeMs;
}

/** What the refunds of an order sum up to; closed ones gave nothing. */
export function refundedFen(refunds: readonly Refund[]): number {
  return sumOfLive(refunds, ({ amountFen }) => amountFen);
}

/**
 * How a refund is shared: payer and discount in proportion of what is left of each, so that the last refund returns
 * all; of the fee 0.60 % of the row, but never more than was taken.
 */
export function shares(
  transaction: Transaction,
  refunds: readonly Refund[],
  amountFen: number,
): Pick<Refund, 'payerRefundFen' | 'discountRefundFen' | 'settlementRefundFen' | 'feeReturnFen'> {
  const leftFen = transaction.amountFen - refundedFen(refunds);
  const payerLeftFen = payerTotalFen(transaction) - sumOfLive(refunds, ({ payerRefundFen }) => payerRefundFen);
  const feeLeftFen = transactionFeeFen(transaction) - sumOfLive(refunds, ({ feeReturnFen }) => feeReturnFen);
  const payerRefundFen = proportion(payerLeftFen, amountFen, leftFen);
  const discountRefundFen = amountFen - payerRefundFen;
  const settlementRefundFen = transaction.discount?.type === 'NOCASH' ? payerRefundFen : amountFen;
  const feeReturnFen = Math.min(feeFen(settlementRefundFen), feeLeftFen);
  return { payerRefundFen, discountRefundFen, settlementRefundFen, feeReturnFen };
}

/** A paid order; what refunds are made of. */
export type PaidOrder = Order & { readonly transaction: Transaction };

export function isPaid(order: Order | undefined): order is PaidOrder {
  return order?.transaction !== undefined;
}

function sumOfLive(refunds: readonly Refund[], amountOf: (refund: Refund) => number): number {
  const live = refunds.filter((refund) => refundStatus(refund) !== 'CLOSED');
  return live.reduce((sum, refund) => sum + amountOf(refund), 0);
}
