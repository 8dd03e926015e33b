import { platformErrors } from '../platform/errors';
import { addPeriods } from '../platform/time';
import { quotaErrors } from '../quota';
import { isPast } from './coupon-state';
import { promotionErrors } from './promotion.errors';
import { budgetLeft, type PromotionRow } from './promotion.model';

/** The decision on claims, pure: the claims of one batch, one after another, on what was read under the promotions' locks. */

/** As much of a promotion as a claim is decided on. */
export type ClaimablePromotion = Pick<
  PromotionRow,
  | 'id'
  | 'status'
  | 'totalQuota'
  | 'claimedCount'
  | 'budget'
  | 'budgetUsed'
  | 'newUsersOnly'
  | 'claimStartTime'
  | 'claimEndTime'
  | 'couponExpireTime'
  | 'couponValidDays'
>;

/** Claim the one coupon that a promotion has for a user. */
export interface ClaimCommand {
  readonly requestId: string;
  readonly userId: string;
  readonly promotionId: string;
  /** The mTLS identity of who asks for the user. */
  readonly actor: string;
  /** What is compared when the request_id comes again. */
  readonly contentHash: Buffer;
}

/** A coupon as it was claimed. */
export interface ClaimedCoupon {
  readonly id: string;
  readonly userId: string;
  readonly promotionId: string;
  readonly claimTime: Date;
  /** Exclusive. */
  readonly expireTime: Date;
}

/** What a claim came to. */
export interface ClaimOutcome {
  readonly couponId: string;
  /** The coupon, if it was made just now; one that was found may have moved on since. */
  readonly coupon: ClaimedCoupon | undefined;
  readonly replayed: boolean;
}

/** What an earlier command with the same request_id had done. */
export interface EarlierClaim {
  readonly contentHash: Buffer;
  readonly couponId: string;
}

/** What was read for a batch. Keys of users: their ids; of requests and coupons: `claimKey`. */
export interface ClaimsRead {
  /** Promotions whose row is locked now, by id. */
  readonly promotions: ReadonlyMap<string, ClaimablePromotion>;
  /** Users who exist, and whether they ever had a membership. */
  readonly users: ReadonlyMap<string, { readonly isMember: boolean }>;
  /** By user and request_id. */
  readonly earlier: ReadonlyMap<string, EarlierClaim>;
  /** By user and promotion. */
  readonly claimed: ReadonlySet<string>;
}

/** A key of two ids. No id holds a line feed. */
export function claimKey(first: string, second: string): string {
  return `${first}\n${second}`;
}

/** A new coupon with the claim that made it. */
export interface NewClaim {
  readonly command: ClaimCommand;
  readonly coupon: ClaimedCoupon;
}

/** The claims of one batch. Each sees what those before it did. */
export class ClaimBook {
  private readonly earlier: Map<string, EarlierClaim>;
  private readonly claimed: Set<string>;
  private readonly counts = new Map<string, number>();
  private readonly made: NewClaim[] = [];

  constructor(
    private readonly read: ClaimsRead,
    private readonly now: Date,
    private readonly mintId: (now: Date) => string,
  ) {
    this.earlier = new Map(read.earlier);
    this.claimed = new Set(read.claimed);
  }

  /** What was claimed in this batch, in order. */
  get claims(): readonly NewClaim[] {
    return this.made;
  }

  /** How many coupons of a promotion are out. */
  private countOf({ id, claimedCount }: ClaimablePromotion): number {
    return this.counts.get(id) ?? claimedCount;
  }

  /** Promotions whose count changed: from, to. */
  get countChanges(): readonly { readonly promotionId: string; readonly was: number; readonly isNow: number }[] {
    return [...this.counts].map(([promotionId, isNow]) => {
      return { promotionId, was: this.read.promotions.get(promotionId)?.claimedCount ?? 0, isNow };
    });
  }

  /**
   * Decides one claim. Refuses, in this order: USER_NOT_FOUND, PROMOTION_NOT_FOUND, REQUEST_ID_REUSED,
   * COUPON_ALREADY_CLAIMED, PROMOTION_NOT_ACTIVE, USER_NOT_ELIGIBLE, PROMOTION_SOLD_OUT, PROMOTION_BUDGET_EXHAUSTED.
   */
  claim(command: ClaimCommand): ClaimOutcome {
    const { userId, promotionId, requestId } = command;
    const user = this.read.users.get(userId);
    if (user === undefined) throw quotaErrors.USER_NOT_FOUND({ metadata: { user_id: userId } });
    const promotion = this.read.promotions.get(promotionId);
    const metadata = { promotion_id: promotionId };
    if (promotion === undefined) throw promotionErrors.PROMOTION_NOT_FOUND({ metadata });
    const earlier = this.earlier.get(claimKey(userId, requestId));
    if (earlier !== undefined) return replay(command, earlier);
    if (this.claimed.has(claimKey(userId, promotionId))) throw promotionErrors.COUPON_ALREADY_CLAIMED({ metadata });
    const expireTime = this.openUntil(promotion);
    if (promotion.newUsersOnly !== 0 && user.isMember) throw promotionErrors.USER_NOT_ELIGIBLE({ metadata });
    const count = this.countOf(promotion);
    if (count >= promotion.totalQuota) throw promotionErrors.PROMOTION_SOLD_OUT({ metadata });
    if (budgetLeft(promotion) === 0) throw promotionErrors.PROMOTION_BUDGET_EXHAUSTED({ metadata });

    const coupon = { id: this.mintId(this.now), userId, promotionId, claimTime: this.now, expireTime };
    this.counts.set(promotionId, count + 1);
    this.claimed.add(claimKey(userId, promotionId));
    this.earlier.set(claimKey(userId, requestId), { contentHash: command.contentHash, couponId: coupon.id });
    this.made.push({ command, coupon });
    return { couponId: coupon.id, coupon, replayed: false };
  }

  /** When a coupon claimed now expires. Throws PROMOTION_NOT_ACTIVE where nothing can be claimed now. */
  private openUntil(promotion: ClaimablePromotion): Date {
    const { id, status, claimStartTime, claimEndTime, couponExpireTime, couponValidDays } = promotion;
    const hasBegun = claimStartTime === null || isPast(claimStartTime, this.now);
    const isOver = claimEndTime !== null && isPast(claimEndTime, this.now);
    const expireTime = couponExpireTime ?? addPeriods(this.now, 'day', couponValidDays);
    // A coupon that nobody could use any more is not given.
    const isOpen = status === 'active' && hasBegun && !isOver && !isPast(expireTime, this.now);
    if (!isOpen) throw promotionErrors.PROMOTION_NOT_ACTIVE({ metadata: { promotion_id: id, status } });
    return expireTime;
  }
}

function replay({ requestId, contentHash }: ClaimCommand, earlier: EarlierClaim): ClaimOutcome {
  if (!earlier.contentHash.equals(contentHash)) {
    throw platformErrors.REQUEST_ID_REUSED({ metadata: { request_id: requestId } });
  }
  return { couponId: earlier.couponId, coupon: undefined, replayed: true };
}
