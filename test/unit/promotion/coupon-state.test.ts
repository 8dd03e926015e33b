import {
  isPast,
  nextCouponStatus,
  statusAt,
  type CouponEvent,
  type CouponStatus,
} from '../../../src/promotion/coupon-state';

const EXPIRY = new Date('2026-03-01T00:00:00.000Z');
const INSTANTS = {
  'a millisecond before it expires': new Date(EXPIRY.getTime() - 1),
  'at the very instant it expires': EXPIRY,
  'a millisecond after': new Date(EXPIRY.getTime() + 1),
} as const;

type Next = CouponStatus | undefined;

/** R13.5: the life of a coupon, written out; what is not here may not happen. */
const TABLE: readonly [status: CouponStatus, event: CouponEvent, before: Next, at: Next, after: Next][] = [
  ['unused', 'locked', 'locked', undefined, undefined],
  ['unused', 'paid', undefined, undefined, undefined],
  ['unused', 'released', undefined, undefined, undefined],
  ['unused', 'returned', undefined, undefined, undefined],
  ['unused', 'expired', undefined, 'expired', 'expired'],
  ['locked', 'locked', undefined, undefined, undefined],
  ['locked', 'paid', 'used', 'used', 'used'],
  ['locked', 'released', 'unused', 'expired', 'expired'],
  ['locked', 'returned', undefined, undefined, undefined],
  ['locked', 'expired', undefined, undefined, undefined],
  ['used', 'locked', undefined, undefined, undefined],
  ['used', 'paid', undefined, undefined, undefined],
  ['used', 'released', undefined, undefined, undefined],
  ['used', 'returned', 'unused', 'expired', 'expired'],
  ['used', 'expired', undefined, undefined, undefined],
  ['expired', 'locked', undefined, undefined, undefined],
  ['expired', 'paid', undefined, undefined, undefined],
  ['expired', 'released', undefined, undefined, undefined],
  ['expired', 'returned', undefined, undefined, undefined],
  ['expired', 'expired', undefined, undefined, undefined],
];

const CASES = TABLE.flatMap(([status, event, before, at, after]) =>
  Object.entries(INSTANTS).map(([when, now], index) => ({
    status,
    event,
    when,
    now,
    next: [before, at, after][index],
  })),
);

describe('R13.5: what may follow what in the life of a coupon', () => {
  test.each(CASES)('$status + $event, $when → $next', ({ status, event, now, next }) => {
    expect(nextCouponStatus({ status, expireTime: EXPIRY }, event, now)).toBe(next);
  });

  test('the table holds every status with every event once', () => {
    const statuses: Record<CouponStatus, true> = { unused: true, locked: true, used: true, expired: true };
    const events: Record<CouponEvent, true> = {
      locked: true,
      paid: true,
      released: true,
      returned: true,
      expired: true,
    };
    const pairs = Object.keys(statuses).flatMap((status) => Object.keys(events).map((event) => `${status} ${event}`));
    expect(TABLE.map(([status, event]) => `${status} ${event}`).sort()).toEqual(pairs.sort());
  });

  test('nothing but an order that was paid makes a coupon used', () => {
    const waysToUsed = CASES.filter(({ status, event, now }) => {
      return nextCouponStatus({ status, expireTime: EXPIRY }, event, now) === 'used';
    });
    expect(new Set(waysToUsed.map(({ status, event }) => `${status} ${event}`))).toEqual(new Set(['locked paid']));
  });
});

describe('R13.5: what a coupon is to its owner', () => {
  test.each<[status: CouponStatus, before: CouponStatus, at: CouponStatus, after: CouponStatus]>([
    ['unused', 'unused', 'expired', 'expired'],
    ['locked', 'locked', 'locked', 'locked'],
    ['used', 'used', 'used', 'used'],
    ['expired', 'expired', 'expired', 'expired'],
  ])('%s: before %s, at its expiry %s, after %s', (status, ...expected) => {
    const seen = Object.values(INSTANTS).map((now) => statusAt({ status, expireTime: EXPIRY }, now));
    expect(seen).toEqual(expected);
  });

  test('its time is over at the very instant it expires', () => {
    expect(Object.values(INSTANTS).map((now) => isPast(EXPIRY, now))).toEqual([false, true, true]);
  });
});
