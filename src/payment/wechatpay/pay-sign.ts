import type { KeyObject } from 'node:crypto';
import { signMessage } from './signature';
import type { Stamp } from './stamp';

/**
 * The signature that lets the payer's side start a payment (调起支付签名); pure.
 * Source: WeChat Pay API v3, JSAPI调起支付 and APP调起支付.
 */

/** What it is made from, beside the prepay_id. */
export interface PaySignature {
  readonly appid: string;
  readonly mchid: string;
  readonly merchantKey: KeyObject;
  readonly stamp: Stamp;
}

/** Four lines, each ended by LF. The last is `prepay_id=…` for JSAPI and the bare prepay_id for APP. */
export function paySignMessage(appid: string, stamp: Stamp, lastLine: string): Buffer {
  return Buffer.from(`${appid}\n${stamp.timestamp}\n${stamp.nonce}\n${lastLine}\n`);
}

/** For getBrandWCPayRequest and, without appId, wx.requestPayment. The type of signature is not signed. */
export function jsapiParameters(prepayId: string, { appid, merchantKey, stamp }: PaySignature) {
  const packageLine = `prepay_id=${prepayId}`;
  return {
    appId: appid,
    timeStamp: stamp.timestamp,
    nonceStr: stamp.nonce,
    package: packageLine,
    signType: 'RSA',
    paySign: signMessage(merchantKey, paySignMessage(appid, stamp, packageLine)),
  } as const;
}

/** For the payment request of WeChat's SDK for apps. */
export function appParameters(prepayId: string, { appid, mchid, merchantKey, stamp }: PaySignature) {
  return {
    appid,
    partnerid: mchid,
    prepayid: prepayId,
    package: 'Sign=WXPay',
    noncestr: stamp.nonce,
    timestamp: stamp.timestamp,
    sign: signMessage(merchantKey, paySignMessage(appid, stamp, prepayId)),
  } as const;
}
