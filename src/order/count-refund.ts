import assert from 'node:assert';
import type { PeriodChange } from '../membership';
import { SYSTEM_ACTOR } from '../platform/calls';
import { appendAudit } from '../platform/db/audit-log';
import { appendEvents } from '../platform/db/outbox';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import type { Fen } from '../platform/money';
import { returnCoupon } from '../promotion';
import { couponUseOf, holdCouponOf } from './order-coupon';
import { OrderRow } from './order.model';
import { nextStatus } from './order-state';

/** What a refund that succeeded comes to. */
export interface CountedRefund {
  /** What of the payment went back by now, with it. */
  readonly refundedAmount: Fen;
  readonly refundId: string;
  readonly period: PeriodChange;
}

/**
 * Counts on an order what of its payment went back, under its lock; the order becomes `refunded` when that is all. Its
 * coupon is for returnCouponOf, which comes last. The database compares the amount with the refunds. The audit row tells what
 * the refund made of the order's period, because events are gone after a week.
 */
export async function countRefund(
  tx: Tx,
  order: OrderRow,
  { refundedAmount, refundId, period }: CountedRefund,
  now: Date,
): Promise<'partly' | 'wholly'> {
  const { id: orderId, userId } = order;
  const isAll = refundedAmount === order.finalAmount;
  const status = isAll ? nextStatus(order.status, 'refunded') : order.status;
  assert(status !== undefined, `order ${orderId} can not be refunded in status ${order.status}`);
  expectRows(await OrderRow.query(tx).findById(orderId).patch({ refundedAmount, status }), 1, `order ${orderId}`);
  const subject = { subjectType: 'order', subjectId: orderId, userId } as const;
  const before = { status: order.status, refunded_amount: order.refundedAmount, period: period.before };
  const after = { status, refunded_amount: refundedAmount, period: period.after };
  const entry = { action: 'CountRefund', actor: SYSTEM_ACTOR, ...subject, cause: refundId };
  await appendAudit(tx, [{ ...entry, before, after }], now);
  if (!isAll) return 'partly';
  const payload = { order_id: orderId, refunded_amount: refundedAmount };
  await appendEvents(tx, [{ type: 'order.refunded', userId, payload }], now);
  return 'wholly';
}

/** A refunded order gives its coupon back where the promotion says so. Counts on a shared row: last of all. */
export async function returnCouponOf(tx: Tx, order: OrderRow, now: Date): Promise<void> {
  const held = await holdCouponOf(tx, order);
  if (held !== undefined) await returnCoupon(tx, held, couponUseOf(order), now);
}
