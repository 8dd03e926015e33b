import { payerTotalFen, settlementFen, type Discount } from './order';
import { refundStatus, statusTimeMs, type PaidOrder, type Refund, type RefundOutcome } from './refund';
import { shanghaiRfc3339 } from './time';

const USER_RECEIVED_ACCOUNT = '支付用户零钱';

/** A refund as its creation and its query tell it. */
export function refundView(refund: Refund, order: PaidOrder): object {
  const { transaction } = order;
  const status = refundStatus(refund);
  return {
    refund_id: refund.refundId,
    out_refund_no: refund.outRefundNo,
    transaction_id: refund.transactionId,
    out_trade_no: refund.outTradeNo,
    channel: refund.channel,
    user_received_account: USER_RECEIVED_ACCOUNT,
    ...successTime(refund),
    create_time: shanghaiRfc3339(new Date(refund.createTimeMs)),
    status,
    funds_account: refund.parameters?.funds_account ?? 'UNSETTLED',
    amount: {
      total: transaction.amountFen,
      refund: refund.amountFen,
      from: refund.parameters?.amount.from ?? [],
      payer_total: payerTotalFen(transaction),
      payer_refund: refund.payerRefundFen,
      settlement_refund: refund.settlementRefundFen,
      settlement_total: settlementFen(transaction),
      discount_refund: refund.discountRefundFen,
      currency: 'CNY',
      refund_fee: refund.feeReturnFen,
    },
    ...(transaction.discount === undefined ? {} : { promotion_detail: [promotionView(transaction.discount, refund)] }),
  };
}

/** A refund that came to an end, as its notification tells it. */
export function refundResource(refund: Refund, order: PaidOrder, status: RefundOutcome): object {
  return {
    mchid: order.parameters.mchid,
    transaction_id: refund.transactionId,
    out_trade_no: refund.outTradeNo,
    refund_id: refund.refundId,
    out_refund_no: refund.outRefundNo,
    refund_status: status,
    ...successTime(refund),
    user_received_account: USER_RECEIVED_ACCOUNT,
    amount: {
      total: order.transaction.amountFen,
      refund: refund.amountFen,
      payer_total: payerTotalFen(order.transaction),
      payer_refund: refund.payerRefundFen,
    },
  };
}

function successTime(refund: Refund): object {
  if (refundStatus(refund) !== 'SUCCESS') return {};
  return { success_time: shanghaiRfc3339(new Date(statusTimeMs(refund))) };
}

function promotionView(discount: Discount, refund: Refund): object {
  return {
    promotion_id: discount.couponId,
    scope: 'GLOBAL',
    type: discount.type === 'CASH' ? 'COUPON' : 'DISCOUNT',
    amount: discount.amountFen,
    refund_amount: refund.discountRefundFen,
  };
}
