import assert from 'node:assert';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import type { Fen } from '../platform/money';
import { CouponRow } from './coupon.model';
import { nextCouponStatus, type CouponEvent } from './coupon-state';
import { PromotionRow } from './promotion.model';

/**
 * The one way in which a coupon moves with an order, for taking and giving back alike. The caller holds the lock of the
 * coupon's owner. Locks after it: the promotion's row where there is a budget to count, then the coupon's.
 */

/** What an order does to a coupon. */
export type OrderCouponEvent = Exclude<CouponEvent, 'expired'>;

/** What of a discount an event adds to the used budget: what orders hold and what they used counts. */
const BUDGET_SIGN: Readonly<Record<OrderCouponEvent, number>> = { locked: 1, paid: 0, released: -1, returned: -1 };

/** A coupon whose row is locked, with its promotion, whose row is locked where its budget will be counted. */
export interface HeldCoupon {
  readonly coupon: CouponRow;
  readonly promotion: PromotionRow;
}

/**
 * Locks a coupon for what is to happen to it; undefined when there is none of that id. Which promotion it is of never changes, nor whether that has a
 * budget once coupons are out: both are read without a lock.
 */
export async function holdCoupon(tx: Tx, couponId: string, event: OrderCouponEvent): Promise<HeldCoupon | undefined> {
  const known = await CouponRow.query(tx).findById(couponId);
  if (known === undefined) return undefined;
  const terms = await PromotionRow.query(tx).findById(known.promotionId).throwIfNotFound();
  const isCounted = terms.budget > 0 && BUDGET_SIGN[event] !== 0;
  const promotion = isCounted ? await PromotionRow.query(tx).findById(terms.id).forUpdate().throwIfNotFound() : terms;
  const coupon = await CouponRow.query(tx).findById(couponId).forUpdate().throwIfNotFound();
  return { coupon, promotion };
}

/**
 * Moves a coupon with the order that takes, uses or gives it back, and counts the budget. `discount` is what it takes off
 * that order. A move that may not happen, and a coupon that another order holds, are faults of the caller, never refusals.
 */
export async function moveCoupon(
  tx: Tx,
  { coupon, promotion }: HeldCoupon,
  event: OrderCouponEvent,
  order: { readonly orderId: string; readonly discount: Fen },
  now: Date,
): Promise<void> {
  const status = nextCouponStatus(coupon, event, now);
  const what = `coupon ${coupon.id}`;
  assert(status !== undefined, `${what} is ${coupon.status}: it can not be ${event}`);
  const { orderId, discount } = order;
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
  const used = BUDGET_SIGN[event] * discount;
  if (promotion.budget === 0 || used === 0) return;
  const budgetUsed = promotion.budgetUsed + used;
  expectRows(await PromotionRow.query(tx).findById(promotion.id).patch({ budgetUsed }), 1, `promotion ${promotion.id}`);
}

/**
 * An order was refunded in full: its coupon comes back where the promotion says so (lesson 37), and stays used where it
 * does not.
 */
export async function returnCoupon(
  tx: Tx,
  held: HeldCoupon,
  order: { readonly orderId: string; readonly discount: Fen },
  now: Date,
): Promise<void> {
  if (held.promotion.returnedOnRefund !== 0) await moveCoupon(tx, held, 'returned', order, now);
}
