import { resolveAlert } from '../alert';
import { SYSTEM_ACTOR } from '../platform/calls';
import type { Clock } from '../platform/clock';
import { appendAudit } from '../platform/db/audit-log';
import type { Database } from '../platform/db/database';
import { appendEvents } from '../platform/db/outbox';
import { expectRows } from '../platform/db/rows';
import { withTx, type Tx } from '../platform/db/tx';
import { countDiscount, moveCoupon, type HeldCoupon } from '../promotion';
import { lockUser } from '../quota';
import { nextCheckTime } from './check-times';
import { couponUseOf, holdCouponOf } from './order-coupon';
import { OrderRow, type CloseReason } from './order.model';
import { nextStatus, type OrderEvent, type OrderStatus } from './order-state';

/** What moving an order needs, and whom it tells. */
export interface MoveOrderParts {
  readonly db: Database;
  readonly clock: Clock;
  /** An order entered a status. Called after the commit. */
  readonly onStatus: (status: OrderStatus) => void;
}

/** What can happen to an order that is not paid. */
export type UnpaidEvent = Exclude<OrderEvent, 'paid' | 'refunded'>;

/** What an event is in the audit trail. */
const AUDITED: Readonly<Record<UnpaidEvent, { readonly action: string; readonly cause: string }>> = {
  prepaid: { action: 'OpenPayment', cause: 'prepay' },
  prepay_refused: { action: 'OpenPayment', cause: 'prepay' },
  close_requested: { action: 'CloseOrder', cause: 'close' },
  closed: { action: 'CloseOrder', cause: 'close' },
};

/** A move, and why it happens where that is recorded. */
export interface Move {
  readonly event: UnpaidEvent;
  /** Of what closes, or begins to; an order that was closing already keeps its reason. */
  readonly closeReason?: CloseReason;
  /** What stands in the audit trail instead of what is usual. */
  readonly audit?: { readonly action: string; readonly actor: string; readonly cause: string };
}

/** An order that moved, its coupon with it. */
export interface Moved {
  readonly status: OrderStatus;
  /** What is different of the order. */
  readonly changes: Partial<OrderRow>;
  /** Counts the discount that came free on the promotion, which all buyers share: called last of all in the transaction. */
  readonly countLast: (tx: Tx) => Promise<void>;
}

/** Events after which an order ends unpaid: it gives its coupon back, and nothing is left to ask about it. */
const ENDS: ReadonlySet<UnpaidEvent> = new Set(['prepay_refused', 'closed']);

/** What an event changes of an order beside its status. */
function changesOf(order: OrderRow, status: OrderStatus, move: Move, now: Date): Partial<OrderRow> {
  const closeReason = order.closeReason ?? move.closeReason ?? null;
  if (ENDS.has(move.event)) return { status, closeReason, nextCheckTime: null };
  if (move.event !== 'close_requested') return { status };
  const checked = { checkAttempts: 0, nextCheckTime: nextCheckTime({ ...order, status, checkAttempts: 0 }, now) };
  return { status, closeReason, closingTime: now, ...checked };
}

/**
 * Moves an order whose user and row the caller has locked, within his transaction; undefined, and nothing done, where the
 * table of order-state.ts has no such move. One that ends unpaid gives its coupon back.
 */
export async function moveLocked(tx: Tx, order: OrderRow, move: Move, now: Date): Promise<Moved | undefined> {
  const status = nextStatus(order.status, move.event);
  if (status === undefined) return undefined;
  const { id: orderId, userId } = order;
  const changes = changesOf(order, status, move, now);
  expectRows(await OrderRow.query(tx).findById(orderId).patch(changes), 1, `order ${orderId}`);
  const held = ENDS.has(move.event) ? await holdCouponOf(tx, order) : undefined;
  if (held !== undefined) await moveCoupon(tx, held, 'released', couponUseOf(order), now);

  const change = { actor: SYSTEM_ACTOR, subjectType: 'order', subjectId: orderId, userId } as const;
  const released = held === undefined ? {} : { coupon_released: order.couponId };
  const { closeReason = null } = changes;
  const reason = closeReason === null ? {} : { close_reason: closeReason };
  const states = { before: { status: order.status }, after: { status, ...reason, ...released } };
  await appendAudit(tx, [{ ...change, ...AUDITED[move.event], ...move.audit, ...states }], now);
  await appendEvents(tx, [{ type: `order.${status}`, userId, payload: { order_id: orderId, ...reason } }], now);
  if (ENDS.has(move.event)) await resolveStuck(tx, orderId, status, now);
  return { status, changes, countLast: (last) => countReleased(last, order, held) };
}

async function countReleased(tx: Tx, order: OrderRow, held: HeldCoupon | undefined): Promise<void> {
  if (held !== undefined) await countDiscount(tx, held, 'released', couponUseOf(order));
}

/** An order that should have ended long ago has ended: whoever was told that it does not need not look any more. */
export async function resolveStuck(tx: Tx, orderId: string, status: OrderStatus, now: Date): Promise<void> {
  await resolveAlert(tx, { kind: 'order_stuck', subjectType: 'order', subjectId: orderId }, `order_${status}`, now);
}

/**
 * Moves an order while it is not paid, in a transaction of its own under its user's lock; an order that has moved on
 * meanwhile is left as it is. Returns the order as it is then.
 */
export async function moveOrder(
  parts: MoveOrderParts,
  order: Pick<OrderRow, 'id' | 'userId'>,
  event: UnpaidEvent,
  closeReason?: CloseReason,
): Promise<OrderRow> {
  const now = parts.clock.now();
  const move: Move = { event, ...(closeReason === undefined ? {} : { closeReason }) };
  let entered: OrderStatus | undefined;
  const moved = await withTx(parts.db, { name: 'MoveOrder' }, async (tx) => {
    await lockUser(tx, order.userId);
    const current = await OrderRow.query(tx).findById(order.id).forUpdate().throwIfNotFound();
    const result = await moveLocked(tx, current, move, now);
    entered = result?.status;
    if (result === undefined) return current;
    await result.countLast(tx);
    return current.$clone().$set(result.changes);
  });
  if (entered !== undefined) parts.onStatus(entered);
  return moved;
}
