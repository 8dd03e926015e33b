import type { FieldCipher } from '../platform/crypto/field-cipher';
import { expectRows } from '../platform/db/rows';
import { readOnly, withTx } from '../platform/db/tx';
import type { Logger } from '../platform/log';
import { fen } from '../platform/money';
import { addMs } from '../platform/time';
import { wechatpayErrors, WechatpayRefused, type PaymentParameters, type WechatpayClient } from '../payment';
import { lockUser } from '../quota';
import { orderErrors } from './order.errors';
import { moveOrder, type MoveOrderParts } from './move-order';
import { OrderRow } from './order.model';
import { readChannelTerms } from './order-payer';
import { readOrder } from './order.queries';

/**
 * Opening an order at WeChat Pay. A prepay leaves only after the order says until when it may be under way
 * (`prepay_deadline`), and the row says so only while the order may be paid: so whoever closes the order knows how long
 * to wait, and none leaves for an order that is being closed.
 */

/** What opening a payment needs. */
export interface OpenPaymentParts extends MoveOrderParts {
  readonly wechatpay: Pick<WechatpayClient, 'prepay'>;
  /** Opens the payer that an order was made with. */
  readonly cipher: FieldCipher;
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

/** An order that can be paid, and what the payer needs. */
export interface OpenedPayment {
  readonly order: OrderRow;
  readonly payment: PaymentParameters;
}

/** Time kept back from the caller's deadline for writing down what WeChat Pay said. */
const RESERVE_MS = 500;

/** Whether an order is waiting for money at an instant. */
export function isPayable(order: OrderRow, now: Date): boolean {
  const isOpen = order.status === 'created' || order.status === 'pending';
  return isOpen && now.getTime() < order.expireTime.getTime();
}

function refuse({ id, status }: OrderRow): Error {
  return orderErrors.ORDER_NOT_PAYABLE({ metadata: { order_id: id, status } });
}

/** Until when the prepay of a call may be under way, on the machine's clock: then it is given up. */
export function prepayDeadlineOf(
  { clock, wechatpayTimeoutMs }: Pick<OpenPaymentParts, 'clock' | 'wechatpayTimeoutMs'>,
  call: Pick<OpenPaymentCall, 'deadline'>,
): Date {
  const now = clock.machineNow();
  const leftMs = call.deadline.getTime() - now.getTime() - RESERVE_MS;
  return addMs(now, Math.max(0, Math.min(leftMs, wechatpayTimeoutMs)));
}

/**
 * Opens an order for payment at WeChat Pay, outside any transaction, and gives what the payer needs. The order says
 * already that a prepay may be under way until `prepayDeadline`.
 *
 * An unknown outcome leaves the order as it is and throws WECHATPAY_UNAVAILABLE; a definite refusal fails the order.
 * Throws ORDER_NOT_PAYABLE when the order is not waiting for money (any more), which a callback or a cancellation that
 * overtook WeChat Pay's answer may have brought about.
 */
export async function openPayment(
  parts: OpenPaymentParts,
  order: OrderRow,
  prepayDeadline: Date,
  call: OpenPaymentCall,
): Promise<OpenedPayment> {
  if (!isPayable(order, parts.clock.now())) throw refuse(order);
  let payment: PaymentParameters;
  try {
    payment = await prepay(parts, order, prepayDeadline, call.signal);
  } catch (error) {
    if (!(error instanceof WechatpayRefused)) throw error;
    const { httpStatus, code } = error;
    call.log.error({ orderId: order.id, httpStatus, code }, 'WeChat Pay refused to open an order');
    throw await afterRefusal(parts, order, error);
  }
  const opened = await moveOrder(parts, order, 'prepaid');
  if (!isPayable(opened, parts.clock.now())) throw refuse(opened);
  return { order: opened, payment };
}

/**
 * Opens an order again, for who lost what the payer needs. Harmless: the request is the same to the byte, and WeChat Pay
 * then gives fresh parameters for the same order. Throws what openPayment throws.
 */
export async function reopenPayment(
  parts: OpenPaymentParts,
  order: OrderRow,
  call: OpenPaymentCall,
): Promise<OpenedPayment> {
  const deadline = prepayDeadlineOf(parts, call);
  const current = await announcePrepay(parts, order, deadline, (it) => isPayable(it, parts.clock.now()));
  if (!current.isAnnounced) throw refuse(current.order);
  return openPayment(parts, current.order, deadline, call);
}

/**
 * Repeats the prepay of an order that WeChat Pay does not know: of one in `created`, which it opens, and of one in
 * `closing`, which stays so and can then be closed at WeChat Pay for whatever is still on its way. Returns the order as
 * it is then; nothing is sent for one that has moved on. Throws WECHATPAY_UNAVAILABLE when the outcome is not known,
 * and WechatpayRefused, but for a definite refusal of one in `created`: that order fails.
 */
export async function repeatPrepay(
  parts: OpenPaymentParts,
  order: OrderRow,
  budget: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<OrderRow> {
  const deadline = addMs(parts.clock.machineNow(), budget.timeoutMs);
  const isUnknownThere = ({ status }: OrderRow): boolean => status === 'created' || status === 'closing';
  const current = await announcePrepay(parts, order, deadline, isUnknownThere);
  if (!current.isAnnounced) return current.order;
  try {
    await prepay(parts, current.order, deadline, budget.signal);
  } catch (error) {
    if (!isDefinite(error) || current.order.status !== 'created') throw error;
    return moveOrder(parts, current.order, 'prepay_refused');
  }
  return moveOrder(parts, current.order, 'prepaid');
}

/** Writes until when a repeated prepay may be under way, before it leaves, if the order still lets one leave. */
async function announcePrepay(
  parts: OpenPaymentParts,
  { id, userId }: OrderRow,
  deadline: Date,
  isAllowed: (order: OrderRow) => boolean,
): Promise<{ readonly order: OrderRow; readonly isAnnounced: boolean }> {
  return withTx(parts.db, { name: 'AnnouncePrepay' }, async (tx) => {
    await lockUser(tx, userId);
    const order = await OrderRow.query(tx).findById(id).forUpdate().throwIfNotFound();
    if (!isAllowed(order)) return { order, isAnnounced: false };
    const { prepayDeadline } = order;
    // An earlier one may be under way for longer than this one.
    if (prepayDeadline !== null && prepayDeadline.getTime() >= deadline.getTime()) return { order, isAnnounced: true };
    expectRows(await OrderRow.query(tx).findById(id).patch({ prepayDeadline: deadline }), 1, `order ${id}`);
    return { order, isAnnounced: true };
  });
}

/** Sends the prepay of an order, the same to the byte each time. */
async function prepay(
  { db, clock, cipher, wechatpay }: OpenPaymentParts,
  order: OrderRow,
  deadline: Date,
  signal: AbortSignal | undefined,
): Promise<PaymentParameters> {
  const { id: orderId, planName: description, expireTime, notifyUrl } = order;
  const terms = await readOnly(db, (reader) => readChannelTerms(reader, cipher, order));
  const timeoutMs = deadline.getTime() - clock.machineNow().getTime();
  // What leaves later than announced could arrive under an order that was closed meanwhile.
  if (timeoutMs <= 0) throw wechatpayErrors.WECHATPAY_UNAVAILABLE({ metadata: { order_id: orderId } });
  const asked = { orderId, description, amount: fen(order.finalAmount), expireTime, notifyUrl, ...terms };
  return wechatpay.prepay(asked, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
}

/** PARAM_ERROR refuses an order for good, and only if the answer was signed: an unsigned one may come from anybody. */
function isDefinite(error: unknown): boolean {
  return error instanceof WechatpayRefused && error.isVerified && error.code === 'PARAM_ERROR';
}

/** Codes that say the order, not our configuration, is the reason; then the order's own state decides. */
export const ORDER_CODES: ReadonlySet<string> = new Set(['ORDER_PAID', 'ORDER_CLOSED', 'OUT_TRADE_NO_USED']);

/**
 * What a refusal means. A paid or closed order is not payable; a definite refusal fails the order. Anything else leaves it
 * as it is: INVALID_REQUEST also means that an earlier prepay told something else, and that one may still be paid.
 */
async function afterRefusal(parts: OpenPaymentParts, order: OrderRow, refused: WechatpayRefused): Promise<Error> {
  if (ORDER_CODES.has(refused.code)) return refuse(await readOrder(parts.db, order.userId, order.id));
  if (isDefinite(refused)) return refuse(await moveOrder(parts, order, 'prepay_refused'));
  return wechatpayErrors.WECHATPAY_UNAVAILABLE({
    cause: refused,
    metadata: { order_id: order.id, wechatpay_code: refused.code },
  });
}
