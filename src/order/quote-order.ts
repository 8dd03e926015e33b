import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { fen, type Fen } from '../platform/money';
import { readPlanOnSale } from '../membership';
import { discountFor, findCoupon } from '../promotion';
import { readUser } from '../quota';

/** What an order would cost. */
export interface OrderQuote {
  readonly originalAmount: Fen;
  readonly discountAmount: Fen;
  readonly finalAmount: Fen;
}

/**
 * What an order of a plan would cost a user, by the arithmetic that CreateOrder uses. Reserves nothing. Throws
 * USER_NOT_FOUND, PLAN_NOT_FOUND, and for the coupon what discountFor throws.
 */
export async function quoteOrder(
  db: Database,
  asked: { readonly userId: string; readonly planId: string; readonly couponId: string },
  now: Date,
): Promise<OrderQuote> {
  const { userId, planId, couponId } = asked;
  const user = await readUser(db, userId);
  return readOnly(db, async (reader) => {
    const { price } = await readPlanOnSale(reader, planId, now);
    if (couponId === '') return { originalAmount: price, discountAmount: fen(0), finalAmount: price };
    const order = { userId, planId, amount: price, isMember: user.membershipPlanId !== null };
    const discount = discountFor(await findCoupon(reader, couponId, userId), order, now);
    return { originalAmount: price, discountAmount: discount, finalAmount: fen(price - discount) };
  });
}
