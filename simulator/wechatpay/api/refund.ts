import { isDeepStrictEqual } from 'node:util';
import { balanceFen } from '../account';
import { ApiError, INTERNAL_UNPUBLISHED, invalidRequest, paramError, resourceNotExists } from '../api-error';
import type { Books } from '../books';
import { isPaid, refundedFen, shares, type PaidOrder, type RefundParameters } from '../refund';
import { paidOrderOf } from '../refund-desk';
import { refundView } from '../refund-view';
import { parseBody } from '../schema';
import type { ApiAnswer, ApiCall, ApiContext, Operation } from './operation';
import { pathParameter, readQuery } from './parameters';
import { OUT_REFUND_NO, REFUND_FIELDS } from './refund-fields';

export const createRefund: Operation = { method: 'post', path: '/v3/refund/domestic/refunds', perform: create };

export const queryRefund: Operation = {
  method: 'get',
  path: '/v3/refund/domestic/refunds/:out_refund_no',
  perform: ({ books }, call) => {
    const refund = books.refund(pathParameter(call, 'out_refund_no', OUT_REFUND_NO));
    readQuery(call.query, {});
    if (refund === undefined) throw resourceNotExists('退款单不存在');
    return { status: 200, body: refundView(refund, paidOrderOf(books, refund)) };
  },
};

/** Idempotent by out_refund_no: the same parameters again tell what became of the first. */
function create({ books, clock, refunds }: ApiContext, call: ApiCall): ApiAnswer {
  const parameters = parseBody(call.body, REFUND_FIELDS) as unknown as RefundParameters;
  checkShape(parameters);
  const known = books.refund(parameters.out_refund_no);
  if (known !== undefined) {
    if (!isDeepStrictEqual(known.parameters, parameters)) {
      throw invalidRequest('订单金额或退款金额与之前请求不一致，请核实后再试');
    }
    return { status: 200, body: refundView(known, paidOrderOf(books, known)) };
  }
  const order = findOrder(books, parameters);
  if (!isPaid(order)) throw resourceNotExists('订单不存在或未支付');
  checkRefundable(books, order, parameters, clock.now());
  const { out_refund_no: outRefundNo, notify_url: notifyUrl, amount } = parameters;
  const address = notifyUrl === undefined ? {} : { notifyUrl };
  const refund = refunds.accept(order, { outRefundNo, amountFen: amount.refund, parameters, ...address });
  refunds.leaveToFate(refund);
  return { status: 200, body: refundView(refund, order) };
}

function checkShape({ transaction_id, out_trade_no, amount }: RefundParameters): void {
  if ((transaction_id === undefined) === (out_trade_no === undefined)) {
    throw paramError({ location: 'body', field: '/transaction_id', issue: '与 out_trade_no 必须二选一' });
  }
  const fromFen = amount.from?.reduce((sum, part) => sum + part.amount, 0);
  if (fromFen !== undefined && fromFen !== amount.refund) {
    throw paramError({
      location: 'body',
      field: '/amount/from',
      value: fromFen,
      issue: '出资金额之和与退款金额不一致',
    });
  }
}

function findOrder(books: Books, { transaction_id, out_trade_no }: RefundParameters) {
  return transaction_id === undefined ? books.order(out_trade_no ?? '') : books.orderOfTransaction(transaction_id);
}

const YEAR_MS = 365 * 86_400_000;
const REFUNDS_MAX = 50;
const BETWEEN_REFUNDS_MS_MIN = 60_000;

function checkRefundable(books: Books, order: PaidOrder, { amount }: RefundParameters, now: Date): void {
  const { transaction, outTradeNo } = order;
  const earlier = books.refundsOf(outTradeNo);
  if (amount.total !== transaction.amountFen) throw invalidRequest('订单总金额与原订单不一致');
  if (now.getTime() > transaction.successTimeMs + YEAR_MS) throw invalidRequest('订单已超过可退款期限');
  if (earlier.length >= REFUNDS_MAX) throw invalidRequest('订单退款次数已达上限');
  if (refundedFen(earlier) + amount.refund > transaction.amountFen) throw invalidRequest('退款金额超过可退金额');
  const last = earlier.at(-1);
  if (last !== undefined && now.getTime() < last.createTimeMs + BETWEEN_REFUNDS_MS_MIN) {
    throw new ApiError(429, 'FREQUENCY_LIMITED', '同一订单多次退款的间隔不得少于1分钟', 268447840);
  }
  checkBalance(books, order, amount.refund);
}

/** A merchant whose balance nobody ever set has as much as it takes. */
function checkBalance(books: Books, { transaction, outTradeNo }: PaidOrder, amountFen: number): void {
  if (books.adjustments().length === 0) return;
  const { settlementRefundFen, feeReturnFen } = shares(transaction, books.refundsOf(outTradeNo), amountFen);
  if (balanceFen(books) >= settlementRefundFen - feeReturnFen) return;
  throw new ApiError(403, 'NOT_ENOUGH', '基本账户余额不足，请充值后重新发起', INTERNAL_UNPUBLISHED);
}
