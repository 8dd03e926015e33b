import type { Evidence } from './inbox';

/**
 * Evidence without the person: what money is proved by stays (which order, which transaction, how much, when), what names
 * or locates the payer goes. What is kept is listed, so that a field that WeChat Pay adds one day goes too. Pure.
 */

/** Of a payment and of a refund. Neither payer.openid, user_received_account, attach, scene_info nor a device is among them. */
const KEPT_FIELDS: ReadonlySet<string> = new Set([
  ...['appid', 'mchid', 'out_trade_no', 'transaction_id', 'trade_type', 'trade_state', 'bank_type'],
  ...['out_refund_no', 'refund_id', 'refund_status', 'success_time'],
]);

/** Amounts, and what WeChat Pay's own coupons took off: these objects hold no more than that. */
const KEPT_AMOUNTS: ReadonlySet<string> = new Set([
  ...['total', 'payer_total', 'currency', 'payer_currency', 'refund', 'payer_refund'],
]);
const KEPT_DISCOUNT: ReadonlySet<string> = new Set([
  ...['coupon_id', 'name', 'scope', 'type', 'amount', 'currency'],
  ...['wechatpay_contribute', 'merchant_contribute', 'other_contribute'],
]);

/** Who signed what, and when. */
const KEPT_HEADER = /^wechatpay-/;

type Fields = Readonly<Record<string, unknown>>;

/** Takes out what names the payer; undefined where that was done before. */
export function redactEvidence(evidence: Evidence, time: Date): Evidence | undefined {
  if (evidence.erased !== undefined) return undefined;
  const headers = Object.fromEntries(Object.entries(evidence.headers).filter(([name]) => KEPT_HEADER.test(name)));
  return { headers, resource: JSON.stringify(redactResource(evidence.resource)), erased: time.toISOString() };
}

/** What is no object of JSON is kept of nothing. */
function redactResource(resource: string): Fields {
  const told = parseObject(resource);
  const kept: Record<string, unknown> = pick(told, KEPT_FIELDS);
  const { amount, promotion_detail: discounts } = told;
  if (isObject(amount)) kept['amount'] = pick(amount, KEPT_AMOUNTS);
  if (Array.isArray(discounts)) {
    kept['promotion_detail'] = discounts.filter(isObject).map((one) => pick(one, KEPT_DISCOUNT));
  }
  return kept;
}

function parseObject(text: string): Fields {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

/** The named fields that hold a text or a number: nothing can hide below them. */
function pick(fields: Fields, names: ReadonlySet<string>): Record<string, unknown> {
  const isPlain = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number';
  return Object.fromEntries(Object.entries(fields).filter(([name, value]) => names.has(name) && isPlain(value)));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
