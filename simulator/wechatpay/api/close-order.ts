import { orderNotExist, orderPaid, paramError } from '../api-error';
import { parseBody, required, text } from '../schema';
import type { ApiAnswer, ApiCall, ApiContext, Operation } from './operation';
import { MCHID_ISSUE, pathParameter } from './parameters';
import { OUT_TRADE_NO } from './prepay-fields';

/** Makes an unpaid order unpayable for ever. */
export const closeOrder: Operation = {
  method: 'post',
  path: '/v3/pay/transactions/out-trade-no/:out_trade_no/close',
  perform: close,
};

/** Re-entrant: closing what is closed, by whomever, changes nothing and succeeds. */
function close({ books, material, clock }: ApiContext, call: ApiCall): ApiAnswer {
  const outTradeNo = pathParameter(call, 'out_trade_no', OUT_TRADE_NO);
  const { mchid } = parseBody(call.body, { mchid: required(text(32)) });
  if (mchid !== material.mchid) {
    throw paramError({ location: 'body', field: '/mchid', value: mchid, issue: MCHID_ISSUE });
  }
  const order = books.order(outTradeNo);
  if (order === undefined) throw orderNotExist();
  if (order.transaction !== undefined) throw orderPaid('ORDER_PAID');
  const now = clock.now();
  if (books.tradeState(order, now) !== 'CLOSED') books.putOrder({ ...order, closeTimeMs: now.getTime() });
  return { status: 204, body: undefined };
}
