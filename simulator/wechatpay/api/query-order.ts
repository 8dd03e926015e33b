import { orderNotExist, paramError } from '../api-error';
import type { Order } from '../order';
import { orderView } from '../transaction-view';
import type { ApiAnswer, ApiCall, ApiContext, Operation } from './operation';
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

function answer(context: ApiContext, call: ApiCall, find: () => Order | undefined): ApiAnswer {
  checkQuery(call.query, context.material.mchid);
  const order = find();
  if (order === undefined) throw orderNotExist();
  return { status: 200, body: orderView(order, context.clock.now()) };
}

function checkQuery(query: URLSearchParams, mchid: string): void {
  const given = query.getAll('mchid');
  if (given.length === 0) throw paramError({ location: 'query', field: 'mchid', issue: '缺少必填参数' });
  if (given.length > 1 || given[0] !== mchid) {
    const issue = 'mchid 与签名所用的商户号不一致';
    throw paramError({ location: 'query', field: 'mchid', value: given.join(','), issue });
  }
  for (const [name, value] of query) {
    if (name === 'mchid') continue;
    const issue = '参数中含有非法的额外参数';
    throw paramError({ location: 'query', field: name, value, issue, internalNumber: 270924358 });
  }
}

function pathParameter(call: ApiCall, name: string, pattern: RegExp): string {
  const value = call.pathParameters[name] ?? '';
  if (pattern.test(value)) return value;
  throw paramError({ location: 'url', field: name, value, issue: '格式不正确' });
}
