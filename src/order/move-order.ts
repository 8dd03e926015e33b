import { SYSTEM_ACTOR } from '../platform/calls';
import type { Clock } from '../platform/clock';
import { appendAudit } from '../platform/db/audit-log';
import type { Database } from '../platform/db/database';
import { appendEvents } from '../platform/db/outbox';
import { expectRows } from '../platform/db/rows';
import { withTx } from '../platform/db/tx';
import { countDiscount, moveCoupon } from '../promotion';
import { lockUser } from '../quota';
import { couponUseOf, holdCouponOf } from './order-coupon';
import { OrderRow } from './order.model';
import { nextStatus, type OrderEvent, type OrderStatus } from './order-state';

/** What moving an order needs, and whom it tells. */
export interface MoveOrderParts {
  readonly db: Database;
  readonly clock: Clock;
  /** An order entered a status. Called after the commit. */
  readonly onStatus: (status: OrderStatus) => void;
}

/** What can happen to an order that is not paid. */
export type UnpaidEvent = Exclude<OrderEvent, 'paid'>;

/** What an event is in the audit trail. */
const AUDITED: Readonly<Record<UnpaidEvent, { readonly action: string; readonly cause: string }>> = {
  prepaid: { action: 'OpenPayment', cause: 'prepay' },
  prepay_refused: { action: 'OpenPayment', cause: 'prepay' },
  closed: { action: 'CloseOrder', cause: 'close' },
};

/**
 * The one way an order moves while it is not paid: under its user's lock; an order that has moved on meanwhile is left as
 * it is. One that ends unpaid gives its coupon back in the same transaction. Returns the order as it is then.
 */
export async function moveOrder(parts: MoveOrderParts, order: OrderRow, event: UnpaidEvent): Promise<OrderRow> {
  const now = parts.clock.now();
  let entered: OrderStatus | undefined;
  const moved = await withTx(parts.db, { name: 'MoveOrder' }, async (tx) => {
    entered = undefined;
    await lockUser(tx, order.userId);
    const current = await OrderRow.query(tx).findById(order.id).forUpdate().throwIfNotFound();
    const status = nextStatus(current.status, event);
    if (status === undefined) return current;
    expectRows(await OrderRow.query(tx).findById(order.id).patch({ status }), 1, `order ${order.id}`);
    entered = status;
    const { id: orderId, userId } = order;
    const held = event === 'prepaid' ? undefined : await holdCouponOf(tx, order);
    if (held !== undefined) await moveCoupon(tx, held, 'released', couponUseOf(order), now);
    const change = { actor: SYSTEM_ACTOR, subjectType: 'order', subjectId: orderId, userId } as const;
    const released = held === undefined ? {} : { coupon_released: order.couponId };
    const states = { before: { status: current.status }, after: { status, ...released } };
    await appendAudit(tx, [{ ...AUDITED[event], ...change, ...states }], now);
    await appendEvents(tx, [{ type: `order.${status}`, userId, payload: { order_id: orderId } }], now);
    if (held !== undefined) await countDiscount(tx, held, 'released', couponUseOf(order));
    return OrderRow.query(tx).findById(order.id).throwIfNotFound();
  });
  if (entered !== undefined) parts.onStatus(entered);
  return moved;
}
