import { z } from 'zod';
import type { Payee } from './prepay';
import { idShape } from './told-shapes';
import { transactionShape, type WechatpayTransaction } from './transaction';

/**
 * An order at WeChat Pay after it was opened: asking for its state and closing it; pure.
 * Source: WeChat Pay API v3, 查询订单 and 关闭订单.
 */

/** Which order is asked about. WeChat's own id exists once it is paid. */
export type OrderKey = { readonly orderId: string } | { readonly transactionId: string };

/** An order as WeChat Pay tells it. */
export interface QueriedOrder {
  readonly orderId: string;
  /** NOTPAY, SUCCESS, REFUND, CLOSED, PAYERROR …; REFUND stays for ever and also covers partial refunds. */
  readonly tradeState: string;
  /** The payment, once money has arrived (SUCCESS, REFUND). */
  readonly transaction: WechatpayTransaction | undefined;
}

const ORDERS_PATH = '/v3/pay/transactions';
/** States of an order whose money has arrived. */
const PAID_STATES: ReadonlySet<string> = new Set(['SUCCESS', 'REFUND']);

/** Path and query of the question. */
export function queryOrderPath(key: OrderKey, { mchid }: Payee): string {
  const which =
    'orderId' in key
      ? `out-trade-no/${encodeURIComponent(key.orderId)}`
      : `id/${encodeURIComponent(key.transactionId)}`;
  return `${ORDERS_PATH}/${which}?mchid=${mchid}`;
}

/** Path of the call that closes an unpaid order. */
export function closeOrderPath(orderId: string): string {
  return `${ORDERS_PATH}/out-trade-no/${encodeURIComponent(orderId)}/close`;
}

/** Body of the call that closes an order. */
export function closeOrderBody({ mchid }: Payee): Buffer {
  return Buffer.from(JSON.stringify({ mchid }));
}

/**
 * Shape of the answer to a question. An answer about another order, merchant or app does not fit: what is true of it may
 * not be believed of ours. An unpaid order has no transaction_id, no success_time and no trade_type.
 */
export function queriedOrderShape(key: OrderKey, payee: Payee): z.ZodType<QueriedOrder> {
  const asked = 'orderId' in key ? { out_trade_no: z.literal(key.orderId) } : { out_trade_no: idShape };
  const paidAs = 'orderId' in key ? idShape : z.literal(key.transactionId);
  const order = z.looseObject({
    appid: z.literal(payee.appid),
    mchid: z.literal(payee.mchid),
    trade_state: idShape,
    ...asked,
  });
  const paid = order.extend({ transaction_id: paidAs }).pipe(transactionShape);
  return order.transform((told, context): QueriedOrder => {
    const { out_trade_no: orderId, trade_state: tradeState } = told;
    const mustHavePayment = PAID_STATES.has(tradeState) || 'transactionId' in key;
    if (!mustHavePayment) return { orderId, tradeState, transaction: undefined };
    const payment = paid.safeParse(told);
    if (payment.success) return { orderId, tradeState, transaction: payment.data };
    context.addIssue({ code: 'custom', message: 'a paid order without its payment' });
    return z.NEVER;
  });
}
