import { raiseAlert } from '../alert';
import { OrderRow } from '../order';
import {
  findPayment,
  isCounted,
  isOpen,
  lockNotification,
  openRefund,
  type PaymentRow,
  RefundRow,
  settleNotification,
  type ApplyResult,
  type RefundItem,
  type ToldRefund,
} from '../payment';
import { SYSTEM_ACTOR } from '../platform/calls';
import { expectRows } from '../platform/db/rows';
import { readOnly, withTx, type Tx } from '../platform/db/tx';
import { fen } from '../platform/money';
import { lockUser } from '../quota';
import { bothEffects, moveRefund, type LockedRefund } from './move-refund';
import { nextAttemptAfter } from './refund-pace';
import { NO_EFFECTS, tellEffects, type RefundEffects, type RefundParts } from './refund-parts';
import { suspendSold } from './sold-by-order';
import { findUnbookable, TOLD_EVENTS, type Unbookable } from './told-refund';

/** What applying came to: what is answered, and what is told after the commit. */
interface Applied {
  readonly result: ApplyResult;
  readonly effects: RefundEffects;
}

const ALREADY_APPLIED: Applied = { result: { kind: 'already_applied' }, effects: NO_EFFECTS };

/** How it was told. */
interface Channel {
  /** The inbox row of a notification, settled in the same transaction; absent for an answer or a query. */
  readonly inboxId?: string;
}

/**
 * Applies what WeChat Pay tells of a refund, from whichever channel: an answer, a query, a notification, a replay. Under the
 * locks of user and order. Idempotent; WeChat Pay's own id of the refund is kept from every channel (lesson 40). One that we
 * never asked for is recorded as external and applied like ours. What does not match what we know is never applied: an
 * alert says so. `not_yet`: the payment that it is of has not been told of.
 */
export async function applyRefund(
  parts: RefundParts,
  told: ToldRefund,
  now: Date,
  { inboxId }: Channel = {},
): Promise<ApplyResult> {
  const order = await readOnly(parts.db, (reader) => OrderRow.query(reader).findById(told.outTradeNo));
  const applied = await withTx(parts.db, { name: 'ApplyRefund' }, async (tx) => {
    const locked = order && (await lockOrderOf(tx, order));
    if (inboxId !== undefined && (await lockNotification(tx, inboxId)).status === 'applied') return ALREADY_APPLIED;
    const outcome =
      locked === undefined
        ? await refuse(tx, told, null, 'unknown_order', now)
        : await applyToOrder(tx, parts, locked, told, now);
    if (inboxId !== undefined) await settle(tx, inboxId, outcome.result, now);
    return outcome;
  });
  tellEffects(parts, applied.effects);
  return applied.result;
}

/** A refund notification of the inbox. The merchant is compared as well: a refund's answer names none. */
export async function applyRefundNotification(
  parts: RefundParts & { readonly merchant: { readonly mchid: string } },
  item: Pick<RefundItem, 'id' | 'refund'>,
  now: Date,
): Promise<ApplyResult> {
  const { id: inboxId, refund: told } = item;
  if (told.mchid === parts.merchant.mchid) return applyRefund(parts, told, now, { inboxId });
  const applied = await withTx(parts.db, { name: 'RefuseRefund' }, async (tx) => {
    if ((await lockNotification(tx, inboxId)).status === 'applied') return ALREADY_APPLIED;
    const outcome = await refuse(tx, told, null, 'mchid_mismatch', now);
    await settle(tx, inboxId, outcome.result, now);
    return outcome;
  });
  tellEffects(parts, applied.effects);
  return applied.result;
}

/** What waits for its payment stays as it is. */
async function settle(tx: Tx, inboxId: string, result: ApplyResult, now: Date): Promise<void> {
  if (result.kind === 'not_yet') return;
  const outcome =
    result.kind === 'refused'
      ? ({ status: 'refused', reason: result.reason } as const)
      : ({ status: 'applied', reason: result.kind === 'applied' ? '' : result.kind } as const);
  await settleNotification(tx, inboxId, outcome, now);
}

async function lockOrderOf(tx: Tx, order: OrderRow): Promise<OrderRow> {
  await lockUser(tx, order.userId);
  return OrderRow.query(tx).findById(order.id).forUpdate().throwIfNotFound();
}

async function applyToOrder(
  tx: Tx,
  parts: RefundParts,
  order: OrderRow,
  told: ToldRefund,
  now: Date,
): Promise<Applied> {
  const payment = await findPayment(tx, told.transactionId);
  const refund = await RefundRow.query(tx).findById(told.outRefundNo);
  if (payment === undefined) {
    if (refund === undefined) return { result: { kind: 'not_yet' }, effects: NO_EFFECTS };
    return refuse(tx, told, order, 'other_transaction', now);
  }
  const beside = await RefundRow.query(tx).where({ paymentId: payment.id });
  const wentBack = sumOf(beside.filter(({ status }) => status === 'succeeded'));
  const unbookable = findUnbookable(told, { order, payment, refund, wentBack });
  if (unbookable !== undefined) return refuse(tx, told, order, unbookable, now);
  if (refund !== undefined) return applyToRefund(tx, { order, payment, refund }, told, now);
  const taken = sumOf(beside.filter(({ status }) => isCounted(status)));
  const recorded = await recordExternal(tx, parts, { order, payment }, told, taken, now);
  const { result, effects } = await applyToRefund(tx, { order, payment, refund: recorded.refund }, told, now);
  return { result, effects: bothEffects(recorded.effects, effects) };
}

const sumOf = (refunds: readonly RefundRow[]): number => refunds.reduce((sum, { amount }) => sum + amount, 0);

async function applyToRefund(tx: Tx, locked: LockedRefund, told: ToldRefund, now: Date): Promise<Applied> {
  const { refundId, successTime } = told;
  const move = { event: TOLD_EVENTS[told.status], refundId, ...(successTime === null ? {} : { successTime }) };
  const effects = await moveRefund(tx, locked, move, now);
  if (effects !== undefined) return { result: { kind: 'applied' }, effects };
  await noteKnown(tx, locked.refund, refundId, now);
  return ALREADY_APPLIED;
}

/** No news: only WeChat Pay's id may be, and an open refund is asked about later. */
async function noteKnown(tx: Tx, refund: RefundRow, refundId: string, now: Date): Promise<void> {
  const next = isOpen(refund.status) ? { nextAttemptTime: nextAttemptAfter(refund.attempts, now) } : {};
  const changed = await RefundRow.query(tx)
    .findById(refund.id)
    .patch({ refundId, ...next });
  expectRows(changed, 1, `refund ${refund.id}`);
}

/** Made in the merchant portal, where the reason stays. */
const EXTERNAL_REASON = '商户平台退款';

/** Somebody made it in the merchant portal: money of ours moved, so it is recorded, whatever we planned beside it. */
async function recordExternal(
  tx: Tx,
  parts: RefundParts,
  { order, payment }: { readonly order: OrderRow; readonly payment: PaymentRow },
  told: ToldRefund,
  taken: number,
  now: Date,
): Promise<{ readonly refund: RefundRow; readonly effects: RefundEffects }> {
  const { outRefundNo: id, amount, refundId } = told;
  const isFull = taken + amount >= payment.amount;
  const part = { amount, paid: fen(payment.amount), isFull };
  const endsSomething = payment.status === 'applied' && told.status !== 'CLOSED';
  const { compensationGraceDays } = parts;
  const waiting = endsSomething
    ? await suspendSold(tx, order, part, { refundId: id, compensationGraceDays }, now)
    : undefined;
  const by = { cause: 'external', requestedBy: SYSTEM_ACTOR, causedBy: refundId } as const;
  const said = { reason: EXTERNAL_REASON, notifyUrl: '' };
  const opened = { id, ...by, ...said, payment, amount, ...(waiting === undefined ? {} : { waiting }) };
  const refund = await openRefund(tx, opened, now);
  const details = { order_id: order.id, amount, wechatpay_refund_id: refundId };
  const about = { subjectType: 'refund', subjectId: id, userId: order.userId, details } as const;
  const alerts = await raiseAlert(tx, { kind: 'refund_external', severity: 'warning', ...about }, now);
  return { refund, effects: { ...NO_EFFECTS, entered: [{ cause: 'external', status: 'created' }], alerts } };
}

/** What is told does not match what we know: nothing is applied, and people look at it. */
async function refuse(
  tx: Tx,
  told: ToldRefund,
  order: OrderRow | null,
  reason: Unbookable | 'unknown_order' | 'mchid_mismatch',
  now: Date,
): Promise<Applied> {
  const { outRefundNo, outTradeNo, transactionId, refundId, status, amount, total } = told;
  const ids = { out_trade_no: outTradeNo, transaction_id: transactionId, wechatpay_refund_id: refundId };
  const about = { subjectType: 'refund', subjectId: outRefundNo, userId: order?.userId ?? null } as const;
  const details = { reason, ...ids, status, amount, total };
  const alerts = await raiseAlert(tx, { kind: 'refund_unmatched', severity: 'critical', ...about, details }, now);
  return { result: { kind: 'refused', reason }, effects: { ...NO_EFFECTS, alerts } };
}
