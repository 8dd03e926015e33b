import { SYSTEM_ACTOR } from '../platform/calls';
import { appendAudit } from '../platform/db/audit-log';
import type { Database } from '../platform/db/database';
import { readOnly, withTx, type Tx } from '../platform/db/tx';
import { lockUser } from '../quota';
import {
  findPayment,
  lockNotification,
  recordPayment,
  settleNotification,
  type ApplyResult,
  type InboxItem,
  type WechatpayTransaction,
} from '../payment';
import { markOrderPaid } from './mark-order-paid';
import { OrderRow } from './order.model';
import { nextStatus, type OrderStatus } from './order-state';

/** Whom WeChat Pay must have paid for a notification to be ours. */
export interface Merchant {
  readonly mchid: string;
  readonly appid: string;
}

/** Why the content of a verified notification does not match us or the order; undefined when it does. */
export function findMismatch(
  transaction: WechatpayTransaction,
  order: Pick<OrderRow, 'finalAmount' | 'currency'> | undefined,
  merchant: Merchant,
): string | undefined {
  if (transaction.mchid !== merchant.mchid) return 'mchid_mismatch';
  if (transaction.appid !== merchant.appid) return 'appid_mismatch';
  if (transaction.tradeState !== 'SUCCESS') return 'not_success';
  if (order === undefined) return 'unknown_order';
  if (transaction.currency !== order.currency) return 'currency_mismatch';
  if (transaction.amountTotal !== order.finalAmount) return 'amount_mismatch';
  return undefined;
}

/** Applies the money to its locked order, or records it as money the order is not waiting for. */
async function applyToOrder(
  tx: Tx,
  order: OrderRow,
  transaction: WechatpayTransaction,
  now: Date,
): Promise<'paid' | 'already_paid' | 'not_awaited'> {
  const { transactionId } = transaction;
  if ((await findPayment(tx, transactionId)) !== undefined) return 'already_paid';
  if (nextStatus(order.status, 'paid') !== undefined) {
    await markOrderPaid(tx, order, transaction, now);
    return 'paid';
  }
  const { id: orderId, userId } = order;
  await recordPayment(tx, { orderId, userId }, 'received', transaction, now);
  const subject = { subjectType: 'order', subjectId: orderId, userId } as const;
  const after = { received: transaction.amountTotal, order_status: order.status };
  const entry = { action: 'ReceiveUnawaitedPayment', actor: SYSTEM_ACTOR, ...subject, cause: transactionId };
  await appendAudit(tx, [{ ...entry, after }], now);
  return 'not_awaited';
}

/** What the applier needs, and whom it tells. */
export interface ApplyPaymentParts {
  readonly db: Database;
  readonly merchant: Merchant;
  /** An order entered a status. Called after the commit. */
  readonly onStatus: (status: OrderStatus) => void;
  /** Money arrived that people must look at: it matches no order, or its order was not waiting for it. */
  readonly onTrouble: (item: InboxItem, reason: string) => void;
}

/**
 * Applies a stored payment notification: user, order and inbox row are locked, the content is compared with the order,
 * and the inbox row is settled in the same transaction as the effect. Idempotent, at any time, from the route and the
 * applier alike. A refused one is judged afresh when it is sent again: the order may have appeared.
 */
export async function applyPayment(parts: ApplyPaymentParts, item: InboxItem, now: Date): Promise<ApplyResult> {
  const { db, merchant } = parts;
  const { transaction, id } = item;
  if (transaction === undefined) throw new Error(`notification ${id} carries no payment`);
  const known = await readOnly(db, (reader) => OrderRow.query(reader).findById(transaction.outTradeNo));

  let isPaid = false;
  let trouble = '';
  const result = await withTx(db, { name: 'ApplyPayment' }, async (tx): Promise<ApplyResult> => {
    isPaid = false;
    trouble = '';
    if (known !== undefined) await lockUser(tx, known.userId);
    const order = known && (await OrderRow.query(tx).findById(known.id).forUpdate().throwIfNotFound());
    const current = await lockNotification(tx, id);
    if (current.status === 'applied') return { kind: 'already_applied' };
    const reason = findMismatch(transaction, order, merchant);
    if (reason !== undefined || order === undefined) {
      await settleNotification(tx, id, { status: 'refused', reason: reason ?? 'unknown_order' }, now);
      if (current.status !== 'refused') trouble = reason ?? 'unknown_order';
      return { kind: 'refused', reason: reason ?? 'unknown_order' };
    }
    const effect = await applyToOrder(tx, order, transaction, now);
    isPaid = effect === 'paid';
    if (effect === 'not_awaited') trouble = 'payment_not_awaited';
    await settleNotification(tx, id, { status: 'applied', reason: effect === 'paid' ? '' : effect }, now);
    return { kind: effect === 'already_paid' ? 'already_applied' : 'applied' };
  });
  if (isPaid) parts.onStatus('paid');
  if (trouble !== '') parts.onTrouble(item, trouble);
  return result;
}
