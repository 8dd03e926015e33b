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
}

/** Money that arrived for an order. */
export interface Transaction {
  readonly transactionId: string;
  readonly successTimeMs: number;
  /** In fen; what was really paid, which the control API can make differ from the order. */
  readonly amountFen: number;
  readonly openid: string;
}

/** One out_trade_no. Values are replaced, never changed in place. */
export interface Order {
  readonly outTradeNo: string;
  readonly tradeType: 'NATIVE';
  readonly parameters: PrepayParameters;
  readonly createTimeMs: number;
  /** The last moment at which it can be paid. */
  readonly expireTimeMs: number;
  /** How often it was successfully pre-paid; each re-entry invalidates the earlier code_url. */
  readonly prepayCount: number;
  readonly codeUrl: string;
  readonly codeUrlTimeMs: number;
  readonly transaction?: Transaction;
}

export type TradeState = 'NOTPAY' | 'SUCCESS' | 'CLOSED';

const DAY_MS = 86_400_000;
const UNPAID_LIFE_MS = 7 * DAY_MS;

/** The state at an instant: an unpaid order closes by itself seven days after it was made. */
export function tradeState(order: Order, now: Date): TradeState {
  if (order.transaction !== undefined) return 'SUCCESS';
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
