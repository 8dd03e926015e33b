import { SYSTEM_ACTOR } from '../platform/calls';
import { appendAudit } from '../platform/db/audit-log';
import type { Database } from '../platform/db/database';
import { appendEvents } from '../platform/db/outbox';
import { readOnly, withTx } from '../platform/db/tx';
import { CouponRow } from './coupon.model';

/** Most coupons that one run expires. */
export const DUE_COUPONS_MAX = 500;

/**
 * Books the expiry of unused coupons whose time is over. Nothing waits for it: decisions and lists go by the time. Only
 * what is still unused under its row's lock is expired, so an order that takes a coupon at the same moment is first or
 * refused. Returns how many.
 */
export async function expireDueCoupons(db: Database, now: Date): Promise<number> {
  const due = await readOnly(db, (reader) =>
    CouponRow.query(reader)
      .select('id')
      .where('status', 'unused')
      .where('expireTime', '<=', now)
      .orderBy('expireTime')
      .limit(DUE_COUPONS_MAX),
  );
  const ids = due.map(({ id }) => id).sort();
  if (ids.length === 0) return 0;
  // By their keys, as an order locks its coupon: the index by expiry is only read.
  await withTx(db, { name: 'ExpireCoupons' }, async (tx) => {
    const unused = await CouponRow.query(tx).whereIn('id', ids).where('status', 'unused').orderBy('id').forUpdate();
    if (unused.length === 0) return;
    const expired = unused.map(({ id }) => id);
    await CouponRow.query(tx).whereIn('id', expired).patch({ status: 'expired' });
    const audit = unused.map(({ id, userId, expireTime }) => ({
      ...({ action: 'ExpireCoupon', actor: SYSTEM_ACTOR, subjectType: 'coupon', subjectId: id, userId } as const),
      ...{ cause: expireTime.toISOString(), before: { status: 'unused' }, after: { status: 'expired' } },
    }));
    await appendAudit(tx, audit, now);
    // One event tells of all of them: [user, coupon, promotion].
    const coupons = unused.map(({ id, userId, promotionId }) => [userId, id, promotionId]);
    await appendEvents(tx, [{ type: 'coupon.expired', userId: null, payload: { coupons } }], now);
  });
  return ids.length;
}
