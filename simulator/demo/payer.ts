import { z } from 'zod';
import { Unexpected } from './unexpected';

/** The paying user at the local WeChat Pay, and fate: its control API. See simulator/wechatpay/README.md. */

const answerSchema = z.object({
  transaction_id: z.string(),
  deliveries: z.array(z.object({ status: z.number(), body: z.string() })),
});

/** What a payment came to: WeChat Pay's id, and how the service answered each copy of the notification. */
export interface Payment {
  readonly transactionId: string;
  readonly deliveries: readonly { readonly status: number; readonly body: string }[];
}

/** What may be special about a payment or its notification; names and meaning are the control API's. */
export interface PaymentTwist {
  readonly duplicates?: number;
  readonly amount?: number;
  readonly out_trade_no?: string;
  readonly corrupt?: 'body' | 'signature' | 'stale';
  readonly retry?: boolean;
  /** No notification at all: it is lost on its way. */
  readonly drop?: boolean;
}

/** Pays an order. Returns when the service has answered the first attempt of every copy. */
export async function pay(wechatpayUrl: string, orderId: string, twist: PaymentTwist = {}): Promise<Payment> {
  const response = await fetch(new URL('/_control/pay', wechatpayUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ order_id: orderId, ...twist }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Unexpected(`The local WeChat Pay answered ${response.status}: ${text}`);
  const { transaction_id: transactionId, deliveries } = answerSchema.parse(JSON.parse(text));
  return { transactionId, deliveries };
}

/** How an order stands at the local WeChat Pay: NOTPAY, SUCCESS, REFUND or CLOSED. */
export async function standingOf(wechatpayUrl: string, orderId: string): Promise<string> {
  const response = await fetch(new URL(`/_control/orders/${orderId}`, wechatpayUrl));
  return z.object({ trade_state: z.string() }).parse(await response.json()).trade_state;
}
