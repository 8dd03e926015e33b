import { feeFen } from './money';

/** The parameters of a prepay as they came, already validated. */
export interface PrepayParameters {
  readonly appid: string;
  readonly mchid: string;
  readonly description: string;
  readonly out_trade_no: string;
  readonly time_expire?: string;
  readonly attach?: string;
  readonly notify_url: string;
  readonly amount: { readonly total: number; readonly currency?: string };
  readonly scene_info?: { readonly device_id?: string };
  readonly payer?: { readonly openid: string };
}

/** A coupon of WeChat Pay: CASH is money somebody else put up, NOCASH a reduction that the merchant bears. */
export interface Discount {
  readonly couponId: string;
  readonly type: 'CASH' | 'NOCASH';
  readonly amountFen: number;
}

/** Money that arrived for an order. */
export interface Transaction {
  readonly transactionId: string;
  readonly successTimeMs: number;
  /** In fen; what was really paid, which the control API can make differ from the order. */
  readonly amountFen: number;
  readonly openid: string;
  /** The part of amountFen that the payer did not have to pay. */
  readonly discount?: Discount;
}

/** What the payer himself paid. */
export function payerTotalFen({ amountFen, discount }: Transaction): number {
  return amountFen - (discount?.amountFen ?? 0);
}

/** What the merchant gets, before the fee. */
export function settlementFen({ amountFen, discount }: Transaction): number {
  return discount?.type === 'NOCASH' ? amountFen - discount.amountFen : amountFen;
}

/** What WeChat Pay keeps of it. */
export function transactionFeeFen(transaction: Transaction): number {
  return feeFen(settlementFen(transaction));
}

/** The product it was ordered with, in the words of trade_type. */
export type TradeType = 'NATIVE' | 'JSAPI' | 'MWEB' | 'APP';

/** One out_trade_no. Values are replaced, never changed in place. */
export interface Order {
  readonly outTradeNo: string;
  readonly tradeType: TradeType;
  readonly parameters: PrepayParameters;
  readonly createTimeMs: number;
  /** The last moment at which it can be paid. */
  readonly expireTimeMs: number;
  /** How often it was successfully pre-paid; each re-entry invalidates the earlier credential. */
  readonly prepayCount: number;
  /** What the payer was last handed: a code_url, a prepay_id or an h5_url. */
  readonly credential: string;
  readonly credentialTimeMs: number;
  /** When the merchant closed it. */
  readonly closeTimeMs?: number;
  /** How often a payer tried in vain; such an order is still not paid. */
  readonly failedAttempts?: number;
  readonly transaction?: Transaction;
}

export type TradeState = 'NOTPAY' | 'SUCCESS' | 'REFUND' | 'CLOSED';

const DAY_MS = 86_400_000;
const UNPAID_LIFE_MS = 7 * DAY_MS;

/** The state at an instant: an unpaid order closes by itself seven days after it was made; any refund shows for ever. */
export function tradeState(order: Order, refunds: readonly unknown[], now: Date): TradeState {
  if (order.transaction !== undefined) return refunds.length > 0 ? 'REFUND' : 'SUCCESS';
  if (order.closeTimeMs !== undefined) return 'CLOSED';
  return now.getTime() >= order.createTimeMs + UNPAID_LIFE_MS ? 'CLOSED' : 'NOTPAY';
}

const EXPIRE_AFTER_MS_MIN = 60_000;
const EXPIRE_AFTER_MS_MAX = 15 * DAY_MS;

/** The payment deadline: time_expire clamped silently to 1 minute … 15 days from now; 7 days when it is not given. */
export function expireTimeMs(timeExpire: string | undefined, now: Date): number {
  if (timeExpire === undefined) return now.getTime() + UNPAID_LIFE_MS;
  const wantedMs = Date.parse(timeExpire) - now.getTime();
  return now.getTime() + Math.min(Math.max(wantedMs, EXPIRE_AFTER_MS_MIN), EXPIRE_AFTER_MS_MAX);
}

const CREDENTIAL_LIFE_MS: Readonly<Record<TradeType, number>> = {
  NATIVE: 7_200_000,
  JSAPI: 7_200_000,
  APP: 7_200_000,
  MWEB: 300_000,
};

/** Whether this is the credential that was handed out last, and not too long ago. */
export function isLiveCredential(order: Order, credential: string, now: Date): boolean {
  const isYoung = now.getTime() <= order.credentialTimeMs + CREDENTIAL_LIFE_MS[order.tradeType];
  return credential === order.credential && isYoung;
}
