import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Fen } from '../../platform/money';
import { addMs } from '../../platform/time';
import { appParameters, jsapiParameters, type PaySignature } from './pay-sign';
import { fitText } from './text';

/**
 * The prepay calls (下单) of the four channels, pure: what is asked, what a right answer looks like, and what the payer's
 * side makes of it. Mini-programs use JSAPI. Source: WeChat Pay API v3, JSAPI下单, Native下单, H5下单, APP下单.
 */

/** One order to be paid. The same values always give the same bytes, as a repeated prepay demands. */
export type Prepay = {
  /** Becomes out_trade_no: 6–32 of [0-9A-Za-z_-], never used before for another order. */
  readonly orderId: string;
  /** Shown to the payer; shortened and stripped to what WeChat Pay accepts. */
  readonly description: string;
  /** At least 1. */
  readonly amount: Fen;
  /** The last moment to pay, to the second. */
  readonly expireTime: Date;
  /** Public URL of our notification route, as it was when the order was made. */
  readonly notifyUrl: string;
} & (
  | { readonly channel: 'native' }
  | { readonly channel: 'app' }
  /** The payer, as our appid knows him. */
  | { readonly channel: 'jsapi'; readonly openid: string }
  /** The payer's true address: WeChat Pay compares it with the one that opens the page. */
  | { readonly channel: 'h5'; readonly clientIp: string }
);

export type PaymentChannel = Prepay['channel'];

/** What the payer's side needs, by channel; field names are those of WeChat's own interfaces. */
export type PaymentParameters =
  /** Shown as a QR code; a later prepay of the same order replaces it. */
  | { readonly channel: 'native'; readonly codeUrl: string }
  | {
      readonly channel: 'jsapi';
      readonly appId: string;
      readonly timeStamp: string;
      readonly nonceStr: string;
      readonly package: string;
      readonly signType: 'RSA';
      readonly paySign: string;
    }
  /** Opened from our registered domain within five minutes. */
  | { readonly channel: 'h5'; readonly h5Url: string }
  | {
      readonly channel: 'app';
      readonly appid: string;
      readonly partnerid: string;
      readonly prepayid: string;
      readonly package: 'Sign=WXPay';
      readonly noncestr: string;
      readonly timestamp: string;
      readonly sign: string;
    };

/** Who is paid. */
export interface Payee {
  readonly appid: string;
  readonly mchid: string;
}

const DESCRIPTION_BYTES_MAX = 127;
const SHANGHAI_OFFSET_MS = 8 * 60 * 60 * 1_000;

/** Where a channel's orders are opened. */
export function prepayPath(channel: PaymentChannel): string {
  return `/v3/pay/transactions/${channel}`;
}

/** The body's bytes: made once, signed and sent as they are. */
export function prepayBody(prepay: Prepay, payee: Payee): Buffer {
  const body = {
    appid: payee.appid,
    mchid: payee.mchid,
    description: fitText(prepay.description, DESCRIPTION_BYTES_MAX),
    out_trade_no: prepay.orderId,
    time_expire: formatExpireTime(prepay.expireTime),
    notify_url: prepay.notifyUrl,
    amount: { total: prepay.amount, currency: 'CNY' },
    ...channelFields(prepay),
  };
  return Buffer.from(JSON.stringify(body));
}

function channelFields(prepay: Prepay): Readonly<Record<string, unknown>> {
  switch (prepay.channel) {
    case 'jsapi':
      return { payer: { openid: prepay.openid } };
    case 'h5':
      return { scene_info: { payer_client_ip: prepay.clientIp, h5_info: { type: 'Wap' } } };
    case 'native':
    case 'app':
      return {};
  }
}

/** `yyyy-MM-DDTHH:mm:ss+08:00`, the one form WeChat Pay takes; fractions of a second are dropped. */
function formatExpireTime(at: Date): string {
  return `${addMs(at, SHANGHAI_OFFSET_MS).toISOString().slice(0, 19)}+08:00`;
}

const prepayId = z.object({ prepay_id: z.string().regex(/^[\x21-\x7e]{1,64}$/) });
const codeUrl = z.object({ code_url: z.string().min(1).max(512) });
const h5Url = z.object({ h5_url: z.url({ protocol: /^https?$/ }).max(512) });

/** What the payer's signature is made from, beside the answer. */
interface Payer extends Payee {
  /** The key that signed the prepay: WeChat Pay takes no other. */
  readonly merchantKey: KeyObject;
  readonly stamp: PaySignature['stamp'];
}

/**
 * What a 200 must hold, made into what the payer needs; a 200 without it is an error envelope. JSAPI and APP payments
 * are signed with a stamp of their own.
 */
export function paymentParametersShape(channel: PaymentChannel, payer: Payer): z.ZodType<PaymentParameters> {
  switch (channel) {
    case 'native':
      return codeUrl.transform((told): PaymentParameters => ({ channel, codeUrl: told.code_url }));
    case 'h5':
      return h5Url.transform((told): PaymentParameters => ({ channel, h5Url: told.h5_url }));
    case 'jsapi':
      return prepayId.transform((told): PaymentParameters => ({ channel, ...jsapiParameters(told.prepay_id, payer) }));
    case 'app':
      return prepayId.transform((told): PaymentParameters => ({ channel, ...appParameters(told.prepay_id, payer) }));
  }
}
