import assert from 'node:assert';
import type { Tx } from '../platform/db/tx';
import { fen } from '../platform/money';
import { holdCoupon, type CouponUse, type HeldCoupon } from '../promotion';
import type { OrderRow } from './order.model';

/** Locks the coupon that an order carries; undefined when it carries none. */
export async function holdCouponOf(tx: Tx, { id, couponId }: OrderRow): Promise<HeldCoupon | undefined> {
  if (couponId === null) return undefined;
  const held = await holdCoupon(tx, couponId);
  assert(held !== undefined, `order ${id} carries coupon ${couponId}, which is not there`);
  return held;
}

/** What an order's coupon takes off it. */
export function couponUseOf({ id, discountAmount }: OrderRow): CouponUse {
  return { orderId: id, discount: fen(discountAmount) };
}
