/** The life of a coupon as data: a lease that an order takes and gives back. Anything else is refused. */
export type CouponStatus = 'unused' | 'locked' | 'used' | 'expired';

/** What happens to a coupon. */
export type CouponEvent =
  /** An order takes it. */
  | 'locked'
  /** Its order was paid. */
  | 'paid'
  /** Its order was closed or failed: nobody paid. */
  | 'released'
  /** Its order was refunded in full, and the promotion gives the coupon back then. */
  | 'returned'
  /** Its time ran out. */
  | 'expired';

/** Locked is not expired by time: its order may still be paid. What comes back too late is expired. */
const TRANSITIONS: Readonly<Record<CouponStatus, Partial<Record<CouponEvent, CouponStatus>>>> = {
  unused: { locked: 'locked', expired: 'expired' },
  locked: { paid: 'used', released: 'unused' },
  used: { returned: 'unused' },
  expired: {},
};

/** Whether a coupon's time is over: its expiry is exclusive. */
export function isPast(expireTime: Date, now: Date): boolean {
  return now.getTime() >= expireTime.getTime();
}

/**
 * The status an event leads to at an instant; undefined when it may not happen. A coupon that is past its time is not
 * locked, and does not come back usable.
 */
export function nextCouponStatus(
  coupon: { readonly status: CouponStatus; readonly expireTime: Date },
  event: CouponEvent,
  now: Date,
): CouponStatus | undefined {
  const next = TRANSITIONS[coupon.status][event];
  const isOver = isPast(coupon.expireTime, now);
  if (next === 'locked') return isOver ? undefined : next;
  if (next === 'expired') return isOver ? next : undefined;
  return next === 'unused' && isOver ? 'expired' : next;
}

/** What a coupon is to its owner at an instant: past its time it is expired, booked or not. */
export function statusAt(
  coupon: { readonly status: CouponStatus; readonly expireTime: Date },
  now: Date,
): CouponStatus {
  return coupon.status === 'unused' && isPast(coupon.expireTime, now) ? 'expired' : coupon.status;
}
