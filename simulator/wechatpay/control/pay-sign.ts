import { verify, type KeyObject } from 'node:crypto';
import { ApiError } from '../api-error';
import { isLiveCredential, type Order } from '../order';
import { object, text } from '../schema';

const JSAPI_NAMES = ['appId', 'timeStamp', 'nonceStr', 'package', 'signType', 'paySign'] as const;
const APP_NAMES = ['appid', 'partnerid', 'prepayid', 'package', 'noncestr', 'timestamp', 'sign'] as const;
type PaySignName = (typeof JSAPI_NAMES)[number] | (typeof APP_NAMES)[number];

/** What a front-end hands to WeChat to open the payment; which members depends on the product. */
export type PaySign = Partial<Record<PaySignName, string>>;

const NAMES: readonly PaySignName[] = [...JSAPI_NAMES, ...APP_NAMES];
export const PAY_SIGN_FIELD = object(Object.fromEntries(NAMES.map((name) => [name, text(512)])));

/**
 * Does what WeChat on the payer's phone does before it lets him pay a JSAPI or app order.
 * @throws ApiError 409 PAY_SIGN_INVALID naming what is wrong.
 */
export function checkPaySign(order: Order, merchantKey: KeyObject, sign: PaySign, now: Date): void {
  const wrong = order.tradeType === 'APP' ? appIssue(order, sign) : jsapiIssue(order, sign);
  if (wrong !== undefined) throw invalid(wrong);
  const isApp = order.tradeType === 'APP';
  const prepayId = isApp ? (sign.prepayid ?? '') : (sign.package ?? '').slice('prepay_id='.length);
  if (!isLiveCredential(order, prepayId, now)) throw invalid('prepay_id');
  const lines = isApp
    ? [sign.appid, sign.timestamp, sign.noncestr, sign.prepayid]
    : [order.parameters.appid, sign.timeStamp, sign.nonceStr, sign.package];
  const message = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const signature = Buffer.from((isApp ? sign.sign : sign.paySign) ?? '', 'base64');
  if (!verify('RSA-SHA256', message, merchantKey, signature)) throw invalid('signature');
}

function jsapiIssue({ tradeType, parameters }: Order, sign: PaySign): string | undefined {
  if (tradeType !== 'JSAPI') return 'product';
  // A mini-program leaves its appId out; it is signed all the same.
  if (sign.appId !== undefined && sign.appId !== parameters.appid) return 'appId';
  if (sign.signType !== 'RSA') return 'signType';
  if (!/^\d{10}$/.test(sign.timeStamp ?? '')) return 'timeStamp';
  return sign.package?.startsWith('prepay_id=') === true ? undefined : 'package';
}

function appIssue({ parameters }: Order, sign: PaySign): string | undefined {
  if (sign.appid !== parameters.appid) return 'appid';
  if (sign.partnerid !== parameters.mchid) return 'partnerid';
  if (!/^\d{10}$/.test(sign.timestamp ?? '')) return 'timestamp';
  return sign.package === 'Sign=WXPay' ? undefined : 'package';
}

function invalid(what: string): ApiError {
  return new ApiError(409, 'PAY_SIGN_INVALID', `WeChat would not open the payment: ${what} is wrong.`, 0);
}
