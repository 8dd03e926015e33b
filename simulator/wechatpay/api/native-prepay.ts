import { isDeepStrictEqual } from 'node:util';
import { ApiError, paramError } from '../api-error';
import { randomAlphanumeric } from '../identifiers';
import type { Material } from '../material';
import { expireTimeMs, tradeState, type Order, type PrepayParameters } from '../order';
import { parseBody } from '../schema';
import type { ApiCall, ApiContext, ApiAnswer, Operation } from './operation';
import { PREPAY_FIELDS } from './prepay-fields';

/** Native payment: the answer's code_url is shown to the payer as a QR code. */
export const nativePrepay: Operation = {
  method: 'post',
  path: '/v3/pay/transactions/native',
  perform: prepay,
};

/** Re-entrant while unpaid: the same parameters again give a fresh code_url, which invalidates the earlier one. */
function prepay(context: ApiContext, call: ApiCall): ApiAnswer {
  const parameters = parseBody(call.body, PREPAY_FIELDS) as unknown as PrepayParameters;
  checkMerchant(parameters, context.material);
  const now = context.clock.now();
  const known = context.books.order(parameters.out_trade_no);
  if (known !== undefined) checkReentry(known, parameters, now);
  const codeUrl = `weixin://wxpay/bizpayurl?pr=${randomAlphanumeric(7)}zz`;
  const order = known ?? newOrder(parameters, now);
  const prepayCount = order.prepayCount + 1;
  context.books.putOrder({ ...order, prepayCount, codeUrl, codeUrlTimeMs: now.getTime() });
  return { status: 200, body: { code_url: codeUrl } };
}

function checkMerchant(parameters: PrepayParameters, material: Material): void {
  if (parameters.mchid !== material.mchid) {
    const issue = 'mchid 与签名所用的商户号不一致';
    throw paramError({ location: 'body', field: '/mchid', value: parameters.mchid, issue });
  }
  if (parameters.appid !== material.appid) {
    throw new ApiError(400, 'APPID_MCHID_NOT_MATCH', 'appid和mchid不匹配', 268445527);
  }
}

function checkReentry(known: Order, parameters: PrepayParameters, now: Date): void {
  const state = tradeState(known, now);
  if (state === 'SUCCESS') throw new ApiError(400, 'ORDERPAID', '该订单已支付', 268498689);
  if (state === 'CLOSED') throw new ApiError(400, 'ORDER_CLOSED', '该订单已关闭', 268447914);
  if (!isDeepStrictEqual(known.parameters, parameters)) {
    throw new ApiError(400, 'INVALID_REQUEST', '请求重入时，参数与首次请求时不一致', 268498688);
  }
}

function newOrder(parameters: PrepayParameters, now: Date): Order {
  return {
    outTradeNo: parameters.out_trade_no,
    tradeType: 'NATIVE',
    parameters,
    createTimeMs: now.getTime(),
    expireTimeMs: expireTimeMs(parameters.time_expire, now),
    prepayCount: 0,
    codeUrl: '',
    codeUrlTimeMs: now.getTime(),
  };
}
