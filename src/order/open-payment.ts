import type { Logger } from '../platform/log';
import { fen } from '../platform/money';
import { wechatpayErrors, WechatpayRefused, type WechatpayClient } from '../payment';
import { orderErrors } from './order.errors';
import { moveOrder, type MoveOrderParts } from './move-order';
import type { OrderRow } from './order.model';
import { readOrder } from './order.queries';

/** What opening a payment needs. */
export interface OpenPaymentParts extends MoveOrderParts {
  readonly wechatpay: WechatpayClient;
  /** Longest time for one opening, however much the caller has left. */
  readonly wechatpayTimeoutMs: number;
}

/** The call it happens in. */
export interface OpenPaymentCall {
  /** When the caller stops waiting, on the machine's clock. */
  readonly deadline: Date;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Time kept back from the caller's deadline for writing down what WeChat Pay said. */
const RESERVE_MS = 500;

/** Whether an order is waiting for money at an instant. */
export function isPayable(order: OrderRow, now: Date): boolean {
  const isOpen = order.status === 'created' || order.status === 'pending';
  return isOpen && now.getTime() < order.expireTime.getTime();
}

/**
 * Opens an order for payment at WeChat Pay, outside any transaction, and gives what the payer needs. Repeating it is
 * harmless: the request is the same to the byte, and WeChat Pay then gives a fresh code for the same order.
 *
 * An unknown outcome leaves the order as it is and throws WECHATPAY_UNAVAILABLE; a definite refusal fails the order.
 * Throws ORDER_NOT_PAYABLE when the order is not waiting for money (any more), which a callback that overtook WeChat
 * Pay's answer may have brought about.
 */
export async function openPayment(
  parts: OpenPaymentParts,
  order: OrderRow,
  call: OpenPaymentCall,
): Promise<{ readonly order: OrderRow; readonly codeUrl: string }> {
  const refuse = (status: string) => orderErrors.ORDER_NOT_PAYABLE({ metadata: { order_id: order.id, status } });
  if (!isPayable(order, parts.clock.now())) throw refuse(order.status);
  const { id: orderId, expireTime, notifyUrl } = order;
  const prepay = { orderId, description: order.planName, amount: fen(order.finalAmount), expireTime, notifyUrl };
  const leftMs = call.deadline.getTime() - parts.clock.machineNow().getTime() - RESERVE_MS;
  const timeoutMs = Math.max(1, Math.min(leftMs, parts.wechatpayTimeoutMs));
  let codeUrl: string;
  try {
    ({ codeUrl } = await parts.wechatpay.prepayNative(prepay, { timeoutMs, signal: call.signal }));
  } catch (error) {
    if (!(error instanceof WechatpayRefused)) throw error;
    call.log.error({ orderId, httpStatus: error.httpStatus, code: error.code }, 'WeChat Pay refused to open an order');
    throw await afterRefusal(parts, order, error, refuse);
  }
  const opened = await moveOrder(parts, order, 'prepaid');
  if (!isPayable(opened, parts.clock.now())) throw refuse(opened.status);
  return { order: opened, codeUrl };
}

/** Codes that say the order, not our configuration, is the reason; then the order's own state decides. */
const ORDER_CODES = new Set(['ORDER_PAID', 'ORDER_CLOSED', 'OUT_TRADE_NO_USED']);

/**
 * What a definite refusal means. A paid or closed order is not payable. PARAM_ERROR fails the order, and only if the
 * answer was signed: an unsigned error may come from anybody between WeChat Pay and us. Anything else leaves the order
 * as it is: INVALID_REQUEST also means that an earlier prepay told something else, and that one may still be paid.
 */
async function afterRefusal(
  parts: OpenPaymentParts,
  order: OrderRow,
  refused: WechatpayRefused,
  refuse: (status: string) => Error,
): Promise<Error> {
  if (ORDER_CODES.has(refused.code)) return refuse((await readOrder(parts.db, order.userId, order.id)).status);
  if (refused.isVerified && refused.code === 'PARAM_ERROR') {
    const moved = await moveOrder(parts, order, 'prepay_refused');
    return refuse(moved.status);
  }
  return wechatpayErrors.WECHATPAY_UNAVAILABLE({
    cause: refused,
    metadata: { order_id: order.id, wechatpay_code: refused.code },
  });
}
