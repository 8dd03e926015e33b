import { orderNotExist } from '../api-error';
import type { Order } from '../order';
import { orderView } from '../transaction-view';
import type { ApiAnswer, ApiCall, ApiContext, Operation } from './operation';
import { MCHID_ISSUE, pathParameter, readQuery } from './parameters';
import { OUT_TRADE_NO } from './prepay-fields';

/** By the merchant's own number, from the first prepay on. */
export const queryByOutTradeNo: Operation = {
  method: 'get',
  path: '/v3/pay/transactions/out-trade-no/:out_trade_no',
  perform: (context, call) => {
    const outTradeNo = pathParameter(call, 'out_trade_no', OUT_TRADE_NO);
    return answer(context, call, () => context.books.order(outTradeNo));
  },
};

/** By WeChat Pay's number, which exists once the order is paid. */
export const queryByTransactionId: Operation = {
  method: 'get',
  path: '/v3/pay/transactions/id/:transaction_id',
  perform: (context, call) => {
    const transactionId = pathParameter(call, 'transaction_id', /^\d{1,32}$/);
    return answer(context, call, () => context.books.orderOfTransaction(transactionId));
  },
};

function answer({ books, material, clock }: ApiContext, call: ApiCall, find: () => Order | undefined): ApiAnswer {
  const check = (value: string): string | undefined => (value === material.mchid ? undefined : MCHID_ISSUE);
  readQuery(call.query, { mchid: { isRequired: true, check } });
  const order = find();
  if (order === undefined) throw orderNotExist();
  return { status: 200, body: orderView(order, books.tradeState(order, clock.now())) };
}
