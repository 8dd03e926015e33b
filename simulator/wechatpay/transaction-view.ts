import { payerTotalFen, type Discount, type Order, type TradeState, type Transaction } from './order';
import { shanghaiRfc3339 } from './time';

const TRADE_STATE_DESCRIPTIONS: Readonly<Record<TradeState, string>> = {
  NOTPAY: '订单未支付',
  SUCCESS: '支付成功',
  REFUND: '订单发生过退款，退款详情请查询退款单',
  CLOSED: '订单已关闭',
};

/** What a query tells of an order; everything that only a payment brings is absent before it. */
export function orderView(order: Order, state: TradeState): object {
  if (order.transaction !== undefined) return transactionView(order, order.transaction, state);
  const { appid, mchid, amount } = order.parameters;
  return {
    appid,
    mchid,
    out_trade_no: order.outTradeNo,
    trade_state: state,
    trade_state_desc: TRADE_STATE_DESCRIPTIONS[state],
    amount: { total: amount.total, currency: amount.currency ?? 'CNY' },
  };
}

/** A paid order, the same in the query and inside the notification. */
export function transactionView(order: Order, transaction: Transaction, state: TradeState = 'SUCCESS'): object {
  const { appid, mchid, attach, amount, scene_info } = order.parameters;
  const currency = amount.currency ?? 'CNY';
  const { discount } = transaction;
  return {
    appid,
    mchid,
    out_trade_no: order.outTradeNo,
    transaction_id: transaction.transactionId,
    trade_type: order.tradeType,
    trade_state: state,
    trade_state_desc: TRADE_STATE_DESCRIPTIONS[state],
    bank_type: 'OTHERS',
    ...(attach === undefined ? {} : { attach }),
    success_time: shanghaiRfc3339(new Date(transaction.successTimeMs)),
    payer: { openid: transaction.openid },
    amount: {
      total: transaction.amountFen,
      payer_total: payerTotalFen(transaction),
      currency,
      payer_currency: currency,
    },
    ...(scene_info?.device_id === undefined ? {} : { scene_info: { device_id: scene_info.device_id } }),
    ...(discount === undefined ? {} : { promotion_detail: [promotionView(discount, currency)] }),
  };
}

function promotionView({ couponId, type, amountFen }: Discount, currency: string): object {
  return {
    coupon_id: couponId,
    name: '微信支付立减',
    scope: 'GLOBAL',
    type,
    amount: amountFen,
    stock_id: couponId,
    wechatpay_contribute: type === 'CASH' ? amountFen : 0,
    merchant_contribute: type === 'NOCASH' ? amountFen : 0,
    other_contribute: 0,
    currency,
  };
}
