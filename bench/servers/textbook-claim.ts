import type { Knex } from 'knex';
import { isDuplicateKey } from '../../src/platform/db/sql-errors';
import { mintId } from '../../src/platform/ids';
import { contentHash } from '../../src/platform/request-content';
import { addMs, MS_PER_DAY } from '../../src/platform/time';
import { CouponRow } from '../../src/promotion/coupon.model';
import { PromotionRow } from '../../src/promotion/promotion.model';
import type { ClaimedCoupon } from './claim-message';

const SERVICE = 'PromotionService';
const KIND = 'ClaimCoupon';

/** One claim. */
interface ClaimCommand {
  readonly requestId: string;
  readonly userId: string;
  readonly promotionId: string;
  readonly actor: string;
}

interface Outcome {
  readonly coupon: ClaimedCoupon;
  readonly replayed: boolean;
}

/** A user, joined with what was written under the request_id; null where nothing was. */
interface UserWithKey {
  readonly membershipPlanId: string | null;
  readonly contentHash: Buffer | null;
  readonly response: string | null;
}

function ownerOf({ userId }: ClaimCommand): string {
  return `user:${userId}`;
}

function hashOf({ userId, promotionId }: ClaimCommand): Buffer {
  return contentHash(KIND, { user_id: userId, promotion_id: promotionId });
}

/** Round trip 2: the user, and what was answered before under this request_id. */
async function readUser(db: Knex, command: ClaimCommand): Promise<UserWithKey> {
  const { userId, requestId } = command;
  const user = await db('users as u')
    .leftJoin('request_keys as k', (join) =>
      join.onVal('k.owner', ownerOf(command)).andOnVal('k.service', SERVICE).andOnVal('k.requestId', requestId),
    )
    .where('u.id', userId)
    .first<UserWithKey | undefined>('u.membershipPlanId', 'k.contentHash', 'k.response');
  if (user === undefined) throw new Error(`user ${userId} is not there`);
  return user;
}

/** What was claimed before under this request_id, if anything was. Throws when that was something else. */
async function findFirst(db: Knex, command: ClaimCommand, user: UserWithKey): Promise<ClaimedCoupon | undefined> {
  if (user.response === null) return undefined;
  if (user.contentHash?.equals(hashOf(command)) !== true) throw new Error(`${command.requestId} was something else`);
  const { couponId } = JSON.parse(user.response) as { couponId: string };
  return CouponRow.query(db).findById(couponId).throwIfNotFound();
}

/** Round trip 3: the promotion, locked, if it has a coupon for the user. */
async function lockPromotion(tx: Knex, command: ClaimCommand, user: UserWithKey, now: Date): Promise<PromotionRow> {
  const promotion = await PromotionRow.query(tx).findById(command.promotionId).forUpdate().throwIfNotFound();
  const { status, claimStartTime, claimEndTime, newUsersOnly, claimedCount, totalQuota } = promotion;
  const hasBegun = claimStartTime === null || claimStartTime <= now;
  const isOver = claimEndTime !== null && claimEndTime <= now;
  if (status !== 'active' || !hasBegun || isOver) throw new Error('the promotion is not active');
  if (newUsersOnly !== 0 && user.membershipPlanId !== null) throw new Error('the promotion is for new users');
  if (claimedCount >= totalQuota) throw new Error('the promotion is sold out');
  return promotion;
}

/** Round trips 4 to 8: the coupon, whose unique key refuses a second one; the count; audit; outbox; the request's key. */
async function writeClaim(tx: Knex, command: ClaimCommand, promotion: PromotionRow, now: Date): Promise<ClaimedCoupon> {
  const { requestId, userId, promotionId, actor } = command;
  const expireTime = promotion.couponExpireTime ?? addMs(now, promotion.couponValidDays * MS_PER_DAY);
  const coupon: ClaimedCoupon = { id: mintId(now), userId, promotionId, claimTime: now, expireTime };
  const unused = { status: 'unused', orderId: null, discountAmount: null } as const;
  await CouponRow.query(tx).insert({ ...coupon, ...unused });
  await PromotionRow.query(tx)
    .findById(promotionId)
    .patch({ claimedCount: promotion.claimedCount + 1 });
  await tx('audit_logs').insert({
    action: KIND,
    actor,
    subjectType: 'coupon',
    subjectId: coupon.id,
    userId,
    cause: requestId,
    beforeState: null,
    afterState: JSON.stringify({ promotion_id: promotionId, expire_time: expireTime.toISOString() }),
    createTime: now,
  });
  const payload = { claims: [[userId, coupon.id, promotionId]] };
  await tx('outbox').insert({ type: 'coupon.claimed', userId, payload: JSON.stringify(payload), createTime: now });
  await tx('request_keys').insert({
    owner: ownerOf(command),
    service: SERVICE,
    requestId,
    kind: KIND,
    contentHash: hashOf(command),
    response: JSON.stringify({ couponId: coupon.id }),
    createTime: now,
  });
  return coupon;
}

/**
 * The textbook claim: one transaction for one request, the same rows as ours, in nine round trips (BEGIN, SELECT,
 * SELECT … FOR UPDATE, INSERT, UPDATE, INSERT, INSERT, INSERT, COMMIT). Nothing is locked before the promotion.
 */
export async function textbookClaim(pool: Knex, command: ClaimCommand, now: Date): Promise<Outcome> {
  try {
    return await pool.transaction(async (tx) => {
      const user = await readUser(tx, command);
      const first = await findFirst(tx, command, user);
      if (first !== undefined) return { coupon: first, replayed: true };
      const promotion = await lockPromotion(tx, command, user, now);
      return { coupon: await writeClaim(tx, command, promotion, now), replayed: false };
    });
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    // The same request was quicker on another connection, or the user has claimed with another one.
    const first = await findFirst(pool, command, await readUser(pool, command));
    if (first === undefined) throw error;
    return { coupon: first, replayed: true };
  }
}
