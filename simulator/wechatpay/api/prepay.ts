import { isDeepStrictEqual } from 'node:util';
import { ApiError, invalidRequest, orderPaid, paramError } from '../api-error';
import { newPrepayId, randomAlphanumeric } from '../identifiers';
import type { Material } from '../material';
import { expireTimeMs, type Order, type PrepayParameters, type TradeState, type TradeType } from '../order';
import { parseBody, type Fields } from '../schema';
import type { ApiAnswer, ApiCall, ApiContext, Operation } from './operation';
import { MCHID_ISSUE } from './parameters';
import { H5_PREPAY_FIELDS, JSAPI_PREPAY_FIELDS, PREPAY_FIELDS } from './prepay-fields';

/** What sets one product apart from the others. */
interface Product {
  readonly tradeType: TradeType;
  readonly fields: Fields;
  /** Member of the answer that holds what the payer is handed. */
  readonly answerKey: 'code_url' | 'prepay_id' | 'h5_url';
  readonly newCredential: (now: Date) => string;
}

/** The answer's code_url is shown to the payer as a QR code. */
export const nativePrepay = operation('native', {
  tradeType: 'NATIVE',
  fields: PREPAY_FIELDS,
  answerKey: 'code_url',
  newCredential: () => `weixin://wxpay/bizpayurl?pr=${randomAlphanumeric(7)}zz`,
});

/** Inside WeChat, mini-programs included: the payer is known beforehand. */
export const jsapiPrepay = operation('jsapi', {
  tradeType: 'JSAPI',
  fields: JSAPI_PREPAY_FIELDS,
  answerKey: 'prepay_id',
  newCredential: newPrepayId,
});

export const appPrepay = operation('app', {
  tradeType: 'APP',
  fields: PREPAY_FIELDS,
  answerKey: 'prepay_id',
  newCredential: newPrepayId,
});

/** In a browser outside WeChat: the payer's address is named, the answer's h5_url is opened within five minutes. */
export const h5Prepay = operation('h5', {
  tradeType: 'MWEB',
  fields: H5_PREPAY_FIELDS,
  answerKey: 'h5_url',
  newCredential: (now) => {
    const parameters = `prepay_id=${newPrepayId(now)}&package=${randomAlphanumeric(10)}`;
    return `https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?${parameters}`;
  },
});

function operation(name: string, product: Product): Operation {
  return {
    method: 'post',
    path: `/v3/pay/transactions/${name}`,
    perform: (context, call) => prepay(product, context, call),
  };
}

/** Re-entrant while unpaid: the same parameters again give a fresh credential, which invalidates the earlier one. */
function prepay(product: Product, { books, material, clock }: ApiContext, call: ApiCall): ApiAnswer {
  const parameters = parseBody(call.body, product.fields) as unknown as PrepayParameters;
  checkMerchant(parameters, material);
  const now = clock.now();
  const known = books.order(parameters.out_trade_no);
  if (known !== undefined) checkReentry(known, books.tradeState(known, now), product, parameters);
  const credential = product.newCredential(now);
  const order = known ?? newOrder(product, parameters, now);
  const prepayCount = order.prepayCount + 1;
  books.putOrder({ ...order, prepayCount, credential, credentialTimeMs: now.getTime() });
  return { status: 200, body: { [product.answerKey]: credential } };
}

function checkMerchant(parameters: PrepayParameters, material: Material): void {
  if (parameters.mchid !== material.mchid) {
    throw paramError({ location: 'body', field: '/mchid', value: parameters.mchid, issue: MCHID_ISSUE });
  }
  if (parameters.appid !== material.appid) {
    throw new ApiError(400, 'APPID_MCHID_NOT_MATCH', 'appid和mchid不匹配', 268445527);
  }
}

function checkReentry(known: Order, state: TradeState, product: Product, parameters: PrepayParameters): void {
  if (state === 'SUCCESS' || state === 'REFUND') throw orderPaid('ORDERPAID');
  if (state === 'CLOSED') throw new ApiError(400, 'ORDER_CLOSED', '该订单已关闭', 268447914);
  if (known.tradeType !== product.tradeType) {
    throw new ApiError(403, 'OUT_TRADE_NO_USED', '商户订单号已用于其他支付方式', 268498688);
  }
  if (!isDeepStrictEqual(known.parameters, parameters)) {
    throw invalidRequest('请求重入时，参数与首次请求时不一致', 268498688);
  }
}

function newOrder({ tradeType }: Product, parameters: PrepayParameters, now: Date): Order {
  return {
    outTradeNo: parameters.out_trade_no,
    tradeType,
    parameters,
    createTimeMs: now.getTime(),
    expireTimeMs: expireTimeMs(parameters.time_expire, now),
    prepayCount: 0,
    credential: '',
    credentialTimeMs: now.getTime(),
  };
}
