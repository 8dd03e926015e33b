import assert from 'node:assert';
import { SYSTEM_ACTOR } from '../platform/calls';
import { appendAudit } from '../platform/db/audit-log';
import { appendEvents } from '../platform/db/outbox';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { startPeriod } from '../membership';
import { recordNothingToPay, recordPayment, type WechatpayTransaction } from '../payment';
import { moveCoupon } from '../promotion';
import { resolveStuck } from './move-order';
import { couponUseOf, holdCouponOf } from './order-coupon';
import { OrderRow } from './order.model';
import { nextStatus } from './order-state';

/**
 * The one paid transition, whoever found out that the money arrived. The caller holds the user's and the order's lock,
 * and has checked merchant, app, amount and currency. In one transaction: the payment, the order, its coupon, the
 * membership period and its quota lot, the audit row, the event. `paid_time` is WeChat's success_time and fixes the
 * business day; `apply_time` is ours and starts the membership. Without a transaction there was nothing to pay.
 */
export async function markOrderPaid(
  tx: Tx,
  order: OrderRow,
  transaction: WechatpayTransaction | undefined,
  now: Date,
): Promise<void> {
  const status = nextStatus(order.status, 'paid');
  if (status === undefined) throw new Error(`order ${order.id} can not be paid in status ${order.status}`);
  const { id: orderId, userId, currency } = order;
  if (transaction !== undefined) await recordPayment(tx, { orderId, userId }, 'applied', transaction, now);
  else {
    assert.strictEqual(order.finalAmount, 0, `order ${orderId} has something to pay`);
    await recordNothingToPay(tx, { orderId, userId, currency }, now);
  }
  const transactionId = transaction?.transactionId ?? null;
  const paidTime = transaction?.successTime ?? now;
  const paid = { status, transactionId, paidTime, applyTime: now, nextCheckTime: null };
  expectRows(await OrderRow.query(tx).findById(orderId).patch(paid), 1, `order ${orderId}`);
  await useCoupon(tx, order, now);
  const period = await startPeriod(tx, userId, { orderId, ...soldBy(order) }, now);

  const subject = { subjectType: 'order', subjectId: orderId, userId } as const;
  const used = order.couponId === null ? {} : { coupon_used: order.couponId };
  const after = { status, transaction_id: transactionId, paid_time: paidTime, period, ...used };
  const entry = { action: 'MarkOrderPaid', actor: SYSTEM_ACTOR, ...subject, cause: transactionId ?? orderId };
  await appendAudit(tx, [{ ...entry, before: { status: order.status }, after }], now);
  const payload = { order_id: orderId, final_amount: order.finalAmount, transaction_id: transactionId };
  await appendEvents(tx, [{ type: 'order.paid', userId, payload }], now);
  // One with nothing to pay never waited.
  if (transaction !== undefined) await resolveStuck(tx, orderId, status, now);
}

/** A coupon is used when its order is paid, and not before (R13.5). */
async function useCoupon(tx: Tx, order: OrderRow, now: Date): Promise<void> {
  const held = await holdCouponOf(tx, order);
  if (held !== undefined) await moveCoupon(tx, held, 'paid', couponUseOf(order), now);
}

function soldBy(order: OrderRow) {
  const { planId, planName, features, quotaUnits, periodUnit, periodCount } = order;
  return { planId, planName, features, quotaUnits, periodUnit, periodCount };
}
