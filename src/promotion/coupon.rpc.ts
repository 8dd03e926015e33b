import { z } from 'zod';
import { CouponStatus, type Coupon, type PromotionServiceService } from '../gen/billing/v1/promotion_service.pb';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { contentHash } from '../platform/request-content';
import * as rules from '../platform/request-rules';
import type { Handlers } from '../platform/rpc/service';
import type { ClaimCommits } from './claim-commits';
import type { ClaimLimits } from './claim-limits';
import type { ClaimCommand } from './claims';
import { listCoupons, readCoupon } from './coupon.queries';
import { statusAt, type CouponStatus as StoredStatus } from './coupon-state';

const STATUSES: Readonly<Record<StoredStatus, CouponStatus>> = {
  unused: CouponStatus.UNUSED,
  locked: CouponStatus.LOCKED,
  used: CouponStatus.USED,
  expired: CouponStatus.EXPIRED,
};

const claimRequest = z.object({
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  promotionId: rules.opaqueId,
});

const listRequest = z.object({
  userId: rules.opaqueId,
  status: rules.enumFilter(Object.values(STATUSES)),
  pageSize: rules.pageSize,
  pageToken: rules.pageToken,
});

/** A coupon as far as its message shows it. */
interface ShownCoupon {
  readonly id: string;
  readonly userId: string;
  readonly promotionId: string;
  readonly status: StoredStatus;
  readonly orderId: string | null;
  readonly claimTime: Date;
  readonly expireTime: Date;
}

function toCouponMessage(coupon: ShownCoupon, now: Date): Coupon {
  const { id, userId, promotionId, orderId, claimTime, expireTime } = coupon;
  const status = STATUSES[statusAt(coupon, now)];
  return { couponId: id, userId, promotionId, status, orderId: orderId ?? '', claimTime, expireTime };
}

/** What the RPCs of coupons are built from. */
export interface CouponHandlersParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly claims: ClaimCommits;
  readonly limits: ClaimLimits;
}

type CouponHandlers = Pick<Handlers<typeof PromotionServiceService>, 'claimCoupon' | 'listCoupons'>;

/** ClaimCoupon and ListCoupons: decode, call, encode. */
export function couponHandlers({ db, clock, claims, limits }: CouponHandlersParts): CouponHandlers {
  return {
    claimCoupon: async ({ caller, cancellation }, request) => {
      const { requestId, userId, promotionId } = claimRequest.parse(request);
      const actor = caller.identity;
      await limits.spend(userId, actor);
      const content = contentHash('ClaimCoupon', { user_id: userId, promotion_id: promotionId });
      const command: ClaimCommand = { requestId, userId, promotionId, actor, contentHash: content };
      const { coupon, couponId, replayed } = await claims.submit(command, cancellation);
      const now = clock.now();
      const made: ShownCoupon | undefined = coupon && { ...coupon, status: 'unused', orderId: null };
      const shown = made ?? (await readOnly(db, (reader) => readCoupon(reader, couponId, userId)));
      return { coupon: toCouponMessage(shown, now), replayed };
    },
    listCoupons: async (_context, request) => {
      const asked = listRequest.parse(request);
      const now = clock.now();
      const filter = { userId: asked.userId, status: rules.nameOf(STATUSES, asked.status) };
      const page = await listCoupons(db, filter, asked.pageSize, asked.pageToken, now);
      return { coupons: page.rows.map((coupon) => toCouponMessage(coupon, now)), nextPageToken: page.nextPageToken };
    },
  };
}
