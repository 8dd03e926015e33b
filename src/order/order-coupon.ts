import assert from 'node:assert';
import type { Tx } from '../platform/db/tx';
import { holdCoupon, type HeldCoupon, type OrderCouponEvent } from '../promotion';
import type { OrderRow } from './order.model';

/** Locks the coupon that an order carries, for what happens to it; undefined when it carries none. */
export async function holdCouponOf(
  tx: Tx,
  { id, couponId }: OrderRow,
  event: OrderCouponEvent,
): Promise<HeldCoupon | undefined> {
  if (couponId === null) return undefined;
  const held = await holdCoupon(tx, couponId, event);
  assert(held !== undefined, `order ${id} carries coupon ${couponId}, which is not there`);
  return held;
}
