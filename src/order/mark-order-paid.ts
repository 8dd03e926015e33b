import assert from 'node:assert';
import { SYSTEM_ACTOR } from '../platform/calls';
import { appendAudit } from '../platform/db/audit-log';
import { appendEvents } from '../platform/db/outbox';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { catchUpGrants, startPeriod } from '../membership';
import { recordNothingToPay, recordPayment, type WechatpayTransaction } from '../payment';
import { moveCoupon } from '../promotion';
import { takeAwayCredited, type TakenAway } from './apply-upgrade';
import { resolveStuck } from './move-order';
import { couponUseOf, holdCouponOf } from './order-coupon';
import { OrderRow } from './order.model';
import { nextStatus } from './order-state';

/**
 * The one paid transition, whoever found out that the money arrived. The caller holds the user's and the order's lock,
 * and has checked merchant, app, amount and currency. In one transaction: the payment, the order, its coupon, the
 * membership period and its quota lot, the audit row, the event. `paid_time` is WeChat's success_time and fixes the
 * business day; `apply_time` is ours and starts the membership. Without a transaction there was nothing to pay. Of an
 * upgrade the caller has made sure that it is not void: what it credits ends first, and its period starts in that place.
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
  const taken = order.kind === 'upgrade' ? await takeAway(tx, order, now) : undefined;
  const revokeUnits = taken?.missingUnits ?? 0;
  const period = await startPeriod(tx, userId, { orderId, ...soldBy(order) }, now, { revokeUnits });

  const subject = { subjectType: 'order', subjectId: orderId, userId } as const;
  const used = order.couponId === null ? {} : { coupon_used: order.couponId };
  const upgraded = taken === undefined ? {} : upgradeTrace(order, taken);
  const replaced = replacedPeriods(taken);
  const before = { status: order.status, ...replaced.before };
  const after = {
    status,
    transaction_id: transactionId,
    paid_time: paidTime,
    period,
    ...used,
    ...upgraded,
    ...replaced.after,
  };
  const entry = { action: 'MarkOrderPaid', actor: SYSTEM_ACTOR, ...subject, cause: transactionId ?? orderId };
  await appendAudit(tx, [{ ...entry, before, after }], now);
  const paidFor = { order_id: orderId, final_amount: order.finalAmount, transaction_id: transactionId };
  const payload = { ...paidFor, ...upgraded };
  await appendEvents(tx, [{ type: 'order.paid', userId, payload }], now);
  // One with nothing to pay never waited.
  if (transaction !== undefined) await resolveStuck(tx, orderId, status, now);
}

/** A coupon is used when its order is paid, and not before (R13.5). */
async function useCoupon(tx: Tx, order: OrderRow, now: Date): Promise<void> {
  const held = await holdCouponOf(tx, order);
  if (held !== undefined) await moveCoupon(tx, held, 'paid', couponUseOf(order), now);
}

/** What was due is given before it is taken away: so that each unit ends once, and from its own lot. */
async function takeAway(tx: Tx, order: OrderRow, now: Date): Promise<TakenAway> {
  await catchUpGrants(tx, order.userId, now);
  return takeAwayCredited(tx, order, now);
}

/** What an upgrade did, for the audit trail and whoever follows the events. */
function upgradeTrace({ kind, creditAmount }: OrderRow, { replaced, endedUnits, missingUnits }: TakenAway) {
  return {
    ...{ kind, credit_amount: creditAmount, replaced_orders: replaced.map(({ orderId }) => orderId) },
    ...{ ended_units: endedUnits, missing_units: missingUnits },
  };
}

/** When the periods that an upgrade replaced ended, and when they end now: for the audit trail alone. */
function replacedPeriods(taken: TakenAway | undefined) {
  if (taken === undefined) return {};
  const { replaced } = taken;
  return {
    before: { replaced_periods: replaced.map(({ orderId, before }) => ({ order_id: orderId, ...before })) },
    after: { replaced_periods: replaced.map(({ orderId, after }) => ({ order_id: orderId, ...after })) },
  };
}

function soldBy(order: OrderRow) {
  const { planId, planName, features, featureLimits, graceDays } = order;
  const { quotaUnits, periodUnit, periodCount, grantUnit, grantCount } = order;
  const given = { quotaUnits, periodUnit, periodCount, grantUnit, grantCount };
  return { planId, planName, features, featureLimits, graceDays, ...given };
}
