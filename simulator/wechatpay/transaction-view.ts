import { tradeState, type Order, type TradeState, type Transaction } from './order';
import { shanghaiRfc3339 } from './time';

const TRADE_STATE_DESCRIPTIONS: Readonly<Record<TradeState, string>> = {
  NOTPAY: '订单未支付',
  SUCCESS: '支付成功',
  CLOSED: '订单已关闭',
};

/** What a query tells of an order; everything that only a payment brings is absent before it. */
export function orderView(order: Order, now: Date): object {
  if (order.transaction !== undefined) return transactionView(order, order.transaction);
  const { appid, mchid, amount } = order.parameters;
  const state = tradeState(order, now);
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
export function transactionView(order: Order, transaction: Transaction): object {
  const { appid, mchid, attach, amount, scene_info } = order.parameters;
  const currency = amount.currency ?? 'CNY';
  return {
    appid,
    mchid,
    out_trade_no: order.outTradeNo,
    transaction_id: transaction.transactionId,
    trade_type: order.tradeType,
    trade_state: 'SUCCESS',
    trade_state_desc: TRADE_STATE_DESCRIPTIONS.SUCCESS,
    bank_type: 'OTHERS',
    ...(attach === undefined ? {} : { attach }),
    success_time: shanghaiRfc3339(new Date(transaction.successTimeMs)),
    payer: { openid: transaction.openid },
    amount: {
      total: transaction.amountFen,
      payer_total: transaction.amountFen,
      currency,
      payer_currency: currency,
    },
    ...(scene_info?.device_id === undefined ? {} : { scene_info: { device_id: scene_info.device_id } }),
  };
}
