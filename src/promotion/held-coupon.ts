import assert from 'node:assert';
import { raw } from 'objection';
import { appendEvents } from '../platform/db/outbox';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import type { Fen } from '../platform/money';
import { CouponRow } from './coupon.model';
import { nextCouponStatus, type CouponEvent } from './coupon-state';
import { budgetExhausted } from './promotion.errors';
import { PromotionRow } from './promotion.model';

/**
 * The one way in which a coupon moves with an order, for taking and giving back alike (lesson 33). The caller holds the
 * lock of the coupon's owner, and calls `countDiscount` last of all: the budget's row is shared by all who order.
 */

/** What an order does to a coupon. */
export type OrderCouponEvent = Exclude<CouponEvent, 'expired'>;

/** A coupon whose row is locked, with its promotion, whose row is not. */
export interface HeldCoupon {
  readonly coupon: CouponRow;
  readonly promotion: PromotionRow;
}

/** What a coupon takes off which order. */
export interface CouponUse {
  readonly orderId: string;
  readonly discount: Fen;
}

/** Locks a coupon; undefined when there is none of that id. Which promotion it is of never changes, nor do its terms. */
export async function holdCoupon(tx: Tx, couponId: string): Promise<HeldCoupon | undefined> {
  const coupon = await CouponRow.query(tx).findById(couponId).forUpdate();
  if (coupon === undefined) return undefined;
  const promotion = await PromotionRow.query(tx).findById(coupon.promotionId).throwIfNotFound();
  return { coupon, promotion };
}

/**
 * Moves a coupon with the order that takes, uses or gives it back. A move that may not happen, and a coupon that another
 * order holds, are faults of the caller, never refusals.
 */
export async function moveCoupon(
  tx: Tx,
  { coupon }: HeldCoupon,
  event: OrderCouponEvent,
  { orderId, discount }: CouponUse,
  now: Date,
): Promise<void> {
  const status = nextCouponStatus(coupon, event, now);
  const what = `coupon ${coupon.id}`;
  assert(status !== undefined, `${what} is ${coupon.status}: it can not be ${event}`);
  const isHolders = event === 'locked' || (coupon.orderId === orderId && coupon.discountAmount === discount);
  assert(isHolders, `${what} is not order ${orderId}'s`);
  const isHeld = status === 'locked' || status === 'used';
  const holder = isHeld ? { orderId, discountAmount: discount } : { orderId: null, discountAmount: null };
  const unchanged = { id: coupon.id, status: coupon.status, orderId: coupon.orderId };
  expectRows(
    await CouponRow.query(tx)
      .where(unchanged)
      .patch({ status, ...holder }),
    1,
    what,
  );
  const { id, userId, promotionId } = coupon;
  const type = status === 'expired' ? 'coupon.expired' : EVENT_TYPES[event];
  const payload = { coupon_id: id, promotion_id: promotionId, order_id: orderId, discount_amount: discount };
  await appendEvents(tx, [{ type, userId, payload }], now);
}

/** What followers of the events are told; one that came back too late has expired. */
const EVENT_TYPES: Readonly<Record<OrderCouponEvent, string>> = {
  locked: 'coupon.locked',
  paid: 'coupon.used',
  released: 'coupon.released',
  returned: 'coupon.returned',
};

/** What of a discount an event adds to the used budget: what orders hold and what they used counts. */
const BUDGET_SIGN: Readonly<Record<OrderCouponEvent, number>> = { locked: 1, paid: 0, released: -1, returned: -1 };

/**
 * Counts what an event does to the budget of a promotion, in one guarded statement (lessons 32, 35). Throws
 * PROMOTION_BUDGET_EXHAUSTED when what is left does not cover the discount.
 */
export async function countDiscount(
  tx: Tx,
  { coupon, promotion }: HeldCoupon,
  event: OrderCouponEvent,
  { discount }: CouponUse,
): Promise<void> {
  const { id, budget } = promotion;
  const used = BUDGET_SIGN[event] * discount;
  if (budget === 0 || used === 0) return;
  const counted = await PromotionRow.query(tx)
    .where({ id })
    .whereRaw('budget_used + ? BETWEEN 0 AND budget', [used])
    .patch({ budgetUsed: raw('budget_used + ?', [used]) });
  if (counted === 0 && used > 0) throw budgetExhausted(coupon.id, id);
  expectRows(counted, 1, `budget of promotion ${id}`);
}

/** Whether a refund in full would make a coupon usable again now: what is past its time comes back expired. */
export function isReturned({ coupon, promotion }: HeldCoupon, now: Date): boolean {
  return promotion.returnedOnRefund !== 0 && nextCouponStatus(coupon, 'returned', now) === 'unused';
}

/**
 * An order was refunded in full: its coupon comes back, and its part of the budget, where the promotion says so (lesson
 * 37); it stays used where it does not. Counts on a shared row: call it last of all.
 */
export async function returnCoupon(tx: Tx, held: HeldCoupon, use: CouponUse, now: Date): Promise<void> {
  if (held.promotion.returnedOnRefund === 0) return;
  await moveCoupon(tx, held, 'returned', use, now);
  await countDiscount(tx, held, 'returned', use);
}
