import { readOrder } from '../order';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import type { Fen } from '../platform/money';
import { findCoupon, isReturned } from '../promotion';
import { judgeOrder } from './judge-order';
import { endAfterRefund } from './refund-policy';
import { readSold, unitsEndedBy } from './sold-by-order';

/** What a refund would do. */
export interface RefundQuote {
  readonly amount: Fen;
  readonly refundableAmount: Fen;
  readonly full: boolean;
  readonly revokedUnits: number;
  readonly periodEndTime: Date;
  readonly couponReturned: boolean;
}

/**
 * What a refund of an order would bring back and end, by the arithmetic of RefundOrder. Locks and changes nothing. Throws
 * ORDER_NOT_FOUND, ORDER_NOT_REFUNDABLE.
 */
export async function quoteRefund(
  db: Database,
  asked: { readonly userId: string; readonly orderId: string; readonly amount: Fen },
  now: Date,
): Promise<RefundQuote> {
  const { userId, orderId } = asked;
  const order = await readOrder(db, userId, orderId);
  return readOnly(db, async (reader) => {
    const part = await judgeOrder(reader, order, asked.amount, now);
    const { amount, refundable: refundableAmount, isFull: full } = part;
    const sold = await readSold(reader, order);
    const { couponId } = order;
    const held = full && couponId !== null ? await findCoupon(reader, couponId, userId) : undefined;
    return {
      ...{ amount, refundableAmount, full },
      revokedUnits: unitsEndedBy(sold, part, now),
      // An upgrade took its place before it began: nothing of it is left to end.
      periodEndTime: sold.period.revokeTime ?? endAfterRefund(sold.period, part, now),
      couponReturned: held !== undefined && isReturned(held, now),
    };
  });
}
