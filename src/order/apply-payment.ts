import { logOpenedAlerts, raiseAlert, resolveAlert, type Alert } from '../alert';
import { SYSTEM_ACTOR } from '../platform/calls';
import { appendAudit } from '../platform/db/audit-log';
import type { Database } from '../platform/db/database';
import { readOnly, withTx, type Tx } from '../platform/db/tx';
import type { Logger } from '../platform/log';
import { addMs } from '../platform/time';
import { catchUpGrants } from '../membership';
import { lockUser } from '../quota';
import {
  findPayment,
  lockNotification,
  openAutomaticRefund,
  recordPayment,
  settleNotification,
  type ApplyResult,
  type PaymentItem,
  type WechatpayTransaction,
} from '../payment';
import { isUpgradeVoid } from './apply-upgrade';
import { markOrderPaid } from './mark-order-paid';
import { moveLocked } from './move-order';
import { OrderRow } from './order.model';
import { nextStatus, type OrderStatus } from './order-state';

/**
 * What money means for its order, whoever told of it: a notification, a query, a replay. Money that WeChat Pay has taken
 * pays its order, or goes back, or is shown to people; it is never left in between (design §6).
 */

/** Whom WeChat Pay must have paid for money to be ours. */
export interface Merchant {
  readonly mchid: string;
  readonly appid: string;
}

/** Who told. A notification can only be believed or not; the answer to our own question decides. */
export type Told = 'by notification' | 'by query';

/** States at WeChat Pay of an order whose money arrived: a query tells REFUND for ever once any of it went back. */
const PAID_STATES: Readonly<Record<Told, readonly string[]>> = {
  'by notification': ['SUCCESS'],
  'by query': ['SUCCESS', 'REFUND'],
};

/** Why what WeChat Pay told does not match us or the order; undefined when it does. */
export function findMismatch(
  transaction: WechatpayTransaction,
  order: Pick<OrderRow, 'finalAmount' | 'currency'> | undefined,
  merchant: Merchant,
  told: Told = 'by notification',
): string | undefined {
  if (transaction.mchid !== merchant.mchid) return 'mchid_mismatch';
  if (transaction.appid !== merchant.appid) return 'appid_mismatch';
  if (!PAID_STATES[told].includes(transaction.tradeState)) return 'not_success';
  if (order === undefined) return 'unknown_order';
  if (transaction.currency !== order.currency) return 'currency_mismatch';
  if (transaction.amountTotal !== order.finalAmount) return 'amount_mismatch';
  return undefined;
}

/** What applying needs, and whom it tells. */
export interface ApplyPaymentParts {
  readonly db: Database;
  readonly log: Logger;
  readonly merchant: Merchant;
  /** Where WeChat Pay sends its notifications of refunds opened now. */
  readonly refundNotifyUrl: string;
  /** An order entered a status. Called after the commit. */
  readonly onStatus: (status: OrderStatus) => void;
}

/**
 * Why money goes back whole: no order was waiting for it, its order waits for another amount, or the ground of its upgrade
 * has gone. The last two close the order.
 */
type ReturnReason = 'not_awaited' | 'wrong_amount' | 'upgrade_void';

/** What became of money. */
export type Effect =
  /** It paid its order. */
  | { readonly kind: 'paid' }
  /** It was recorded before. */
  | { readonly kind: 'recorded' }
  /** Its order was not waiting for it, or for another amount, or must not be applied: recorded, and on its way back. */
  | { readonly kind: 'returned'; readonly reason: ReturnReason }
  /** It does not match: shown to people, nothing else. */
  | { readonly kind: 'refused'; readonly reason: string };

/** What a transaction did with money, and what is left to do in it and after it. */
interface Booked {
  readonly effect: Effect;
  readonly opened: readonly Alert[];
  readonly entered?: OrderStatus;
  /** Counts on shared rows: last of all. */
  readonly countLast?: (tx: Tx) => Promise<void>;
}

/** Money, who told of it, and the inbox row that did. */
interface Money {
  readonly transaction: WechatpayTransaction;
  readonly told: Told;
  readonly inboxId: string | undefined;
}

/** How soon a query decides about a notification of another amount: WeChat Pay's own books may lag behind its notification. */
const MISMATCH_CHECK_MS = 30_000;

/** Has WeChat Pay asked about an order soon. What is due sooner stays: each repeat of a notification would put it off again. */
async function checkSoon(tx: Tx, { id, nextCheckTime: due }: OrderRow, now: Date): Promise<void> {
  const nextCheckTime = addMs(now, MISMATCH_CHECK_MS);
  if (due === null || due > nextCheckTime) await OrderRow.query(tx).findById(id).patch({ nextCheckTime });
}

/** Decides about money and books it, under the locks of its user and order. */
async function bookMoney(
  tx: Tx,
  parts: ApplyPaymentParts,
  order: OrderRow | undefined,
  money: Money,
  now: Date,
): Promise<Booked> {
  const { transaction, told } = money;
  const mismatch = findMismatch(transaction, order, parts.merchant, told);
  if (order === undefined || (mismatch !== undefined && mismatch !== 'amount_mismatch')) {
    return refuse(tx, order, money, mismatch ?? 'unknown_order', now);
  }
  const known = await findPayment(tx, transaction.transactionId);
  if (known !== undefined) {
    const isSame = known.orderId === order.id && known.amount === transaction.amountTotal;
    return isSame ? { effect: { kind: 'recorded' }, opened: [] } : refuse(tx, order, money, 'amount_mismatch', now);
  }
  if (mismatch !== undefined) {
    const isOpen = nextStatus(order.status, 'closed') !== undefined;
    if (told === 'by query') return returnMoney(tx, parts, order, money, isOpen ? 'wrong_amount' : 'not_awaited', now);
    // WeChat Pay's own books decide, not what one message says; of a paid order they tell what paid it.
    if (order.paidTime === null) await checkSoon(tx, order, now);
    return refuse(tx, order, money, mismatch, now);
  }
  if (nextStatus(order.status, 'paid') === undefined) return returnMoney(tx, parts, order, money, 'not_awaited', now);
  if (order.kind === 'upgrade') {
    await catchUpGrants(tx, order.userId, now);
    if (await isUpgradeVoid(tx, order, now)) return returnMoney(tx, parts, order, money, 'upgrade_void', now);
  }
  await markOrderPaid(tx, order, transaction, now);
  await resolveMismatch(tx, order, transaction, now);
  const opened = await showEarlierRefund(tx, order, transaction, now);
  return { effect: { kind: 'paid' }, opened, entered: 'paid' };
}

/** This very money was told otherwise before, and people were shown it: now it pays its order. Of other money they still are. */
async function resolveMismatch(
  tx: Tx,
  { id: orderId }: OrderRow,
  { transactionId }: WechatpayTransaction,
  now: Date,
): Promise<void> {
  const key = { kind: 'payment_mismatch', subjectType: 'order', subjectId: orderId } as const;
  await resolveAlert(tx, { ...key, lastDetails: { transaction_id: transactionId } }, 'order_paid', now);
}

/**
 * Shows people that money went back before we knew that it had come: nobody here asked for that, and the answer about an
 * order does not tell how much it was. What was sold is given, until the refund itself is told of and booked.
 */
async function showEarlierRefund(
  tx: Tx,
  { id: orderId, userId }: OrderRow,
  { tradeState, transactionId, amountTotal }: WechatpayTransaction,
  now: Date,
): Promise<readonly Alert[]> {
  if (tradeState !== 'REFUND') return [];
  const subject = { subjectType: 'order', subjectId: orderId, userId } as const;
  const details = { reason: 'refunded_before_paid', transaction_id: transactionId, amount: amountTotal };
  return raiseAlert(tx, { kind: 'refund_unmatched', severity: 'critical', ...subject, details }, now);
}

/** Shows people what does not match. */
async function refuse(
  tx: Tx,
  order: OrderRow | undefined,
  { transaction, inboxId }: Money,
  reason: string,
  now: Date,
): Promise<Booked> {
  const { transactionId, amountTotal, currency } = transaction;
  const subject =
    order === undefined
      ? ({ subjectType: 'notification', subjectId: inboxId ?? transactionId } as const)
      : ({ subjectType: 'order', subjectId: order.id } as const);
  const kind = reason === 'unknown_order' ? 'payment_unknown_order' : 'payment_mismatch';
  const userId = order?.userId ?? null;
  const details = { reason, transaction_id: transactionId, amount: amountTotal, currency };
  const alert: Alert = { kind, severity: 'critical', ...subject, userId, details };
  return { effect: { kind: 'refused', reason }, opened: await raiseAlert(tx, alert, now) };
}

/** Records money that does not pay its order, and sends it back whole. An order that waited for it is closed. */
async function returnMoney(
  tx: Tx,
  parts: ApplyPaymentParts,
  order: OrderRow,
  { transaction }: Money,
  reason: ReturnReason,
  now: Date,
): Promise<Booked> {
  const { id: orderId, userId } = order;
  const { transactionId, amountTotal } = transaction;
  await recordPayment(tx, { orderId, userId }, 'received', transaction, now);
  const payment = await findPayment(tx, transactionId);
  if (payment === undefined) throw new Error(`payment ${transactionId} was not recorded`);
  const entry = { action: 'ReceiveUnawaitedPayment', actor: SYSTEM_ACTOR, cause: transactionId } as const;
  const subject = { subjectType: 'order', subjectId: orderId, userId } as const;
  const after = { received: amountTotal, order_status: order.status };
  await appendAudit(tx, [{ ...entry, ...subject, after }], now);
  await openAutomaticRefund(tx, payment, REFUND_REASONS[reason], parts.refundNotifyUrl, now);
  const closed =
    reason === 'not_awaited' ? undefined : await moveLocked(tx, order, { event: 'closed', closeReason: reason }, now);
  const details = {
    reason,
    transaction_id: transactionId,
    order_id: orderId,
    order_status: order.status,
    amount: amountTotal,
  };
  const about =
    reason === 'wrong_amount'
      ? ({ kind: 'payment_mismatch', severity: 'critical', subjectType: 'order', subjectId: orderId } as const)
      : ({ kind: 'payment_not_awaited', severity: 'warning', subjectType: 'payment', subjectId: payment.id } as const);
  const opened = await raiseAlert(tx, { ...about, userId, details }, now);
  const effect = { kind: 'returned', reason } as const;
  return closed === undefined
    ? { effect, opened }
    : { effect, opened, entered: closed.status, countLast: closed.countLast };
}

/** What the payer reads of money that goes back. */
const REFUND_REASONS: Readonly<Record<ReturnReason, string>> = {
  not_awaited: '订单未支付成功，款项退回',
  wrong_amount: '订单未支付成功，款项退回',
  upgrade_void: '会员已变化，升级未生效，款项退回',
};

/** Runs a booking under the locks of user and order, and tells of it after the commit. */
async function inOrder<Result>(
  parts: ApplyPaymentParts,
  orderId: string,
  book: (tx: Tx, order: OrderRow | undefined) => Promise<{ readonly result: Result; readonly booked?: Booked }>,
): Promise<Result> {
  const known = await readOnly(parts.db, (reader) => OrderRow.query(reader).findById(orderId));
  const { result, booked } = await withTx(parts.db, { name: 'ApplyPayment' }, async (tx) => {
    if (known !== undefined) await lockUser(tx, known.userId);
    const order = known && (await OrderRow.query(tx).findById(known.id).forUpdate().throwIfNotFound());
    const done = await book(tx, order);
    await done.booked?.countLast?.(tx);
    return done;
  });
  if (booked?.entered !== undefined) parts.onStatus(booked.entered);
  logOpenedAlerts(parts.log, booked?.opened ?? []);
  return result;
}

/** Applies what WeChat Pay answered when it was asked about an order. Idempotent, at any time. */
export async function applyTransaction(
  parts: ApplyPaymentParts,
  transaction: WechatpayTransaction,
  now: Date,
): Promise<Effect> {
  return inOrder(parts, transaction.outTradeNo, async (tx, order) => {
    const booked = await bookMoney(tx, parts, order, { transaction, told: 'by query', inboxId: undefined }, now);
    return { result: booked.effect, booked };
  });
}

/** What the inbox says of a row whose money was applied. */
const INBOX_REASONS: Readonly<Record<'paid' | 'recorded' | 'returned', string>> = {
  paid: '',
  recorded: 'already_paid',
  returned: 'not_awaited',
};

/**
 * Applies a stored payment notification: user, order and inbox row are locked, and the inbox row is settled in the same
 * transaction as the effect. Idempotent, at any time, from the route, the applier and a replay alike. A refused one is
 * judged afresh when it is sent again: the order may have appeared, or a query may have decided.
 */
export async function applyPayment(parts: ApplyPaymentParts, item: PaymentItem, now: Date): Promise<ApplyResult> {
  const { transaction, id } = item;
  return inOrder<ApplyResult>(parts, transaction.outTradeNo, async (tx, order) => {
    const current = await lockNotification(tx, id);
    if (current.status === 'applied') return { result: { kind: 'already_applied' } };
    const booked = await bookMoney(tx, parts, order, { transaction, told: 'by notification', inboxId: id }, now);
    const { effect } = booked;
    if (effect.kind === 'refused') {
      await settleNotification(tx, id, { status: 'refused', reason: effect.reason }, now);
      return { result: effect, booked };
    }
    await settleNotification(tx, id, { status: 'applied', reason: INBOX_REASONS[effect.kind] }, now);
    if (current.status === 'refused') await resolveRefusal(tx, id, now);
    return { result: { kind: effect.kind === 'recorded' ? 'already_applied' : 'applied' }, booked };
  });
}

/** The notification was refused before, and people were shown it: now it is applied. */
async function resolveRefusal(tx: Tx, inboxId: string, now: Date): Promise<void> {
  const subject = { subjectType: 'notification', subjectId: inboxId } as const;
  for (const kind of ['payment_unknown_order', 'payment_mismatch'] as const) {
    await resolveAlert(tx, { kind, ...subject }, 'notification_applied', now);
  }
}
