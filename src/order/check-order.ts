import { monotonicMs } from '../platform/clock';
import { readOnly } from '../platform/db/tx';
import { addMs, MS_PER_MINUTE } from '../platform/time';
import { wechatpayErrors, WechatpayRefused, type WechatpayClient, type WechatpayTransaction } from '../payment';
import { applyTransaction, type ApplyPaymentParts } from './apply-payment';
import { moveOrder } from './move-order';
import { ORDER_CODES, repeatPrepay, type OpenPaymentParts } from './open-payment';
import { OrderRow } from './order.model';

/**
 * Finds out from WeChat Pay how an order stands there, and does what follows. Everything here may happen twice, or at the
 * same time in two processes, and may stop anywhere: the next check goes on from what the database and WeChat Pay say.
 *
 * An order is closed here only after WeChat Pay has said, under its signature, that it takes no money for it: it is told
 * first, and asked afterwards. Whoever paid in between has paid.
 */

/** What a check needs. */
export interface CheckOrderParts extends OpenPaymentParts, ApplyPaymentParts {
  readonly wechatpay: Pick<WechatpayClient, 'prepay' | 'queryOrder' | 'closeOrder'>;
}

/** How long a check may take, with all its calls of WeChat Pay. */
export interface CheckBudget {
  readonly timeoutMs: number;
  /** Ends the check early; what it had found out is written. */
  readonly signal?: AbortSignal;
}

/** One check under way. */
interface Check {
  readonly parts: CheckOrderParts;
  /** What is left of its budget. */
  readonly left: () => CheckBudget;
}

/** How an order stands at WeChat Pay. */
type Standing =
  | { readonly kind: 'paid'; readonly transaction: WechatpayTransaction }
  /** Nobody can pay it any more. */
  | { readonly kind: 'closed' }
  /** It can be paid, as long as its time is not over. */
  | { readonly kind: 'open' }
  /** WeChat Pay knows no such order, or somebody between us and it says so. */
  | { readonly kind: 'not_there'; readonly isVerified: boolean };

/**
 * Checks one order and returns it as it is then. Throws WECHATPAY_UNAVAILABLE where WeChat Pay gave no usable answer; what
 * was done until then stays done. One that is paid or ended otherwise is asked about all the same, but for one that is paid:
 * money may have come that nobody waited for.
 */
export async function checkOrder(parts: CheckOrderParts, orderId: string, budget: CheckBudget): Promise<OrderRow> {
  const endMs = monotonicMs() + budget.timeoutMs;
  const left = (): CheckBudget => ({ ...budget, timeoutMs: Math.max(1, endMs - monotonicMs()) });
  const check = { parts, left };
  const order = await findOrder(parts, orderId);
  if (order.status === 'paid' || order.status === 'refunded') return order;
  if (order.status === 'closing') return finishClosing(check, order);
  const standing = await ask(check, orderId);
  if (standing.kind === 'paid') return takeMoney(check, standing.transaction);
  return order.status === 'created' || order.status === 'pending' ? followOpen(check, order, standing) : order;
}

function findOrder({ db }: CheckOrderParts, orderId: string): Promise<OrderRow> {
  return readOnly(db, (reader) => OrderRow.query(reader).findById(orderId).throwIfNotFound());
}

async function ask({ parts, left }: Check, orderId: string): Promise<Standing> {
  try {
    const { tradeState, transaction } = await parts.wechatpay.queryOrder({ orderId }, left());
    if (transaction !== undefined) return { kind: 'paid', transaction };
    return { kind: tradeState === 'CLOSED' ? 'closed' : 'open' };
  } catch (error) {
    if (!(error instanceof WechatpayRefused)) throw error;
    const { code, isVerified } = error;
    if (code === 'ORDER_NOT_EXIST') return { kind: 'not_there', isVerified };
    throw unavailable(orderId, error);
  }
}

/** A refusal that says nothing of the order: of our configuration, of limits. Later it may be otherwise. */
function unavailable(orderId: string, cause: WechatpayRefused): Error {
  return wechatpayErrors.WECHATPAY_UNAVAILABLE({ cause, metadata: { order_id: orderId, wechatpay_code: cause.code } });
}

async function takeMoney({ parts }: Check, transaction: WechatpayTransaction): Promise<OrderRow> {
  await applyTransaction(parts, transaction, parts.clock.now());
  return findOrder(parts, transaction.outTradeNo);
}

/** An order that nobody paid so far. */
async function followOpen(
  check: Check,
  order: OrderRow,
  standing: Exclude<Standing, { readonly kind: 'paid' }>,
): Promise<OrderRow> {
  const { parts, left } = check;
  const isExpired = parts.clock.now() >= order.expireTime;
  if (standing.kind === 'closed') return moveOrder(parts, order, 'closed', isExpired ? 'expired' : 'closed_elsewhere');
  if (isExpired) {
    const closing = await moveOrder(parts, order, 'close_requested', 'expired');
    return closing.status === 'closing' ? finishClosing(check, closing) : closing;
  }
  if (order.status === 'pending') return order;
  // The outcome of its prepay was not known: now it is, or the prepay is repeated, which is harmless whatever is true.
  return standing.kind === 'open' ? moveOrder(parts, order, 'prepaid') : repeat(check, order, left());
}

async function repeat({ parts }: Check, order: OrderRow, budget: CheckBudget): Promise<OrderRow> {
  try {
    return await repeatPrepay(parts, order, budget);
  } catch (error) {
    throw error instanceof WechatpayRefused ? unavailable(order.id, error) : error;
  }
}

/**
 * Closes at WeChat Pay what is to be closed, as far as that goes now; the order stays `closing` where it does not. A prepay
 * that is still under way does no harm once WeChat Pay knows the order as closed: it is refused there. So an order that
 * WeChat Pay does not know is opened first, by the same prepay, and then closed; "does not exist" alone closes nothing.
 */
async function finishClosing(check: Check, order: OrderRow): Promise<OrderRow> {
  const { parts } = check;
  let standing = await ask(check, order.id);
  let isRefused = false;
  if (standing.kind === 'not_there') {
    if (order.prepayDeadline !== null && parts.clock.machineNow() < order.prepayDeadline) return order;
    isRefused = await openToClose(check, order);
  }
  if (standing.kind === 'open' || standing.kind === 'not_there') {
    await closeThere(check, order);
    standing = await ask(check, order.id);
  }
  if (standing.kind === 'paid') return takeMoney(check, standing.transaction);
  const isNeverPayable = standing.kind === 'not_there' && standing.isVerified && isRefused;
  return standing.kind === 'closed' || isNeverPayable ? moveOrder(parts, order, 'closed') : order;
}

/** How long an order has been closing before any signed refusal of its prepay counts. */
const REFUSED_MINUTES = 60;

/**
 * Repeats the prepay of an order that WeChat Pay does not know; true when it refuses it under its signature and will not take
 * an earlier one either: PARAM_ERROR says so at once. Other codes (a payer of another app, a product that is not ours) may
 * change, but not for a prepay that left an hour ago; and without an end such an order would keep its coupon for ever.
 */
async function openToClose({ parts, left }: Check, order: OrderRow): Promise<boolean> {
  try {
    await repeatPrepay(parts, order, left());
    return false;
  } catch (error) {
    if (!(error instanceof WechatpayRefused)) throw error;
    // It may say that it knows the order by now, as paid or closed: that is asked next.
    if (!error.isVerified || ORDER_CODES.has(error.code)) return false;
    const { closingTime } = order;
    const isLongAgo = closingTime !== null && parts.clock.now() >= addMs(closingTime, REFUSED_MINUTES * MS_PER_MINUTE);
    return error.code === 'PARAM_ERROR' || isLongAgo;
  }
}

/** Tells WeChat Pay to close an order. What it answers is not relied on: how the order stands is asked afterwards. */
async function closeThere({ parts, left }: Check, { id: orderId }: OrderRow): Promise<void> {
  try {
    await parts.wechatpay.closeOrder(orderId, left());
  } catch (error) {
    if (!(error instanceof WechatpayRefused)) throw error;
    const { httpStatus, code } = error;
    parts.log.info({ orderId, httpStatus, code }, 'WeChat Pay did not close an order');
  }
}
