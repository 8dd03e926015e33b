import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';
import { readUser } from '../quota';
import { CouponRow } from './coupon.model';
import type { CouponStatus } from './coupon-state';
import { promotionErrors } from './promotion.errors';

/** Reads of coupons. They lock nothing. */

/** A user's coupon. Throws COUPON_NOT_FOUND, also for a coupon of somebody else. */
export async function readCoupon(reader: Knex, couponId: string, userId: string): Promise<CouponRow> {
  const coupon = await CouponRow.query(reader).findById(couponId);
  if (coupon === undefined || coupon.userId !== userId) {
    throw promotionErrors.COUPON_NOT_FOUND({ metadata: { coupon_id: couponId } });
  }
  return coupon;
}

/** Which coupons to list. */
export interface CouponFilter {
  readonly userId: string;
  readonly status: CouponStatus | undefined;
}

/**
 * One page of a user's coupons, newest first. One past its time is listed as expired, booked or not. Throws
 * USER_NOT_FOUND, INVALID_REQUEST for a foreign page token.
 */
export async function listCoupons(
  db: Database,
  filter: CouponFilter,
  pageSize: number,
  pageToken: string,
  now: Date,
): Promise<Page<CouponRow>> {
  const { userId, status } = filter;
  const after = readPageToken(pageToken, { list: 'coupons', ...filter });
  await readUser(db, userId);
  const rows = await readOnly(db, (reader) => {
    const query = CouponRow.query(reader)
      .where('userId', userId)
      .orderBy('id', 'desc')
      .limit(pageSize + 1);
    if (after !== undefined) void query.where('id', '<', after);
    if (status === 'unused') void query.where({ status }).where('expireTime', '>', now);
    else if (status === 'expired') {
      void query.where((either) => {
        void either.where({ status }).orWhere((unbooked) => {
          void unbooked.where({ status: 'unused' }).where('expireTime', '<=', now);
        });
      });
    } else if (status !== undefined) void query.where({ status });
    return query;
  });
  return cutPage(rows, pageSize, { list: 'coupons', ...filter }, ({ id }) => id);
}
