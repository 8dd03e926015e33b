import fc from 'fast-check';
import { DomainError } from '../../src/platform/errors';
import { contentHash } from '../../src/platform/request-content';
import { ClaimBook, claimKey, type ClaimablePromotion, type EarlierClaim } from '../../src/promotion/claims';

const NOW = new Date('2026-03-01T00:00:00Z');
const HOUR_MS = 3_600_000;

/** What is asked; users, promotions and request ids are few, so that they meet. */
interface Ask {
  readonly user: number;
  readonly promotion: number;
  readonly request: number;
}

interface World {
  readonly promotions: readonly ClaimablePromotion[];
  /** Whether user i ever had a membership; a user beyond them does not exist. */
  readonly members: readonly boolean[];
  /** Asks of one transaction after another. */
  readonly batches: readonly (readonly Ask[])[];
}

const instant = fc.option(fc.integer({ min: -2, max: 2 }).map((hours) => new Date(NOW.getTime() + hours * HOUR_MS)));
const promotion = (index: number): fc.Arbitrary<ClaimablePromotion> =>
  fc
    .record({
      status: fc.constantFrom('draft', 'active', 'active', 'active', 'paused', 'ended'),
      totalQuota: fc.integer({ min: 1, max: 4 }),
      budget: fc.constantFrom(0, 0, 100),
      isSpent: fc.boolean(),
      newUsersOnly: fc.constantFrom(0, 1),
      claimStartTime: instant,
      claimEndTime: instant,
      couponExpireTime: instant,
    })
    .map(({ isSpent, couponExpireTime, ...fields }) => ({
      id: `p${index}`,
      claimedCount: 0,
      budgetUsed: isSpent ? fields.budget : 0,
      couponExpireTime,
      couponValidDays: couponExpireTime === null ? 1 : 0,
      ...fields,
    }));
const ask = fc.record({
  user: fc.integer({ min: 0, max: 5 }),
  promotion: fc.integer({ min: 0, max: 3 }),
  request: fc.integer({ min: 0, max: 3 }),
});
const world: fc.Arbitrary<World> = fc.record({
  promotions: fc.tuple(promotion(0), promotion(1), promotion(2)),
  members: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  batches: fc.array(fc.array(ask, { maxLength: 12 }), { maxLength: 6 }),
});

/** What the documented rules say to one ask, written without looking at the decision: its refusal, or the coupon's claim. */
class Oracle {
  private readonly coupons = new Map<string, { readonly user: number; readonly promotion: number }>();
  private readonly requests = new Map<string, number>();

  constructor(private readonly world: World) {}

  issued(promotionIndex: number): number {
    return [...this.coupons.values()].filter(({ promotion: of }) => of === promotionIndex).length;
  }

  judge({ user, promotion: index, request }: Ask): string {
    const isMember = this.world.members[user];
    const terms = this.world.promotions[index];
    if (isMember === undefined) return 'USER_NOT_FOUND';
    if (terms === undefined) return 'PROMOTION_NOT_FOUND';
    const earlier = this.requests.get(`${user} ${request}`);
    if (earlier !== undefined) return earlier === index ? 'replayed' : 'REQUEST_ID_REUSED';
    if (this.coupons.has(`${user} ${index}`)) return 'COUPON_ALREADY_CLAIMED';
    const from = terms.claimStartTime ?? new Date(0);
    const to = terms.claimEndTime ?? new Date(8.64e15);
    const usableTo = terms.couponExpireTime ?? new Date(NOW.getTime() + 1);
    if (terms.status !== 'active' || NOW < from || NOW >= to || NOW >= usableTo) return 'PROMOTION_NOT_ACTIVE';
    if (terms.newUsersOnly === 1 && isMember) return 'USER_NOT_ELIGIBLE';
    if (this.issued(index) >= terms.totalQuota) return 'PROMOTION_SOLD_OUT';
    if (terms.budget > 0 && terms.budgetUsed === terms.budget) return 'PROMOTION_BUDGET_EXHAUSTED';
    this.coupons.set(`${user} ${index}`, { user, promotion: index });
    this.requests.set(`${user} ${request}`, index);
    return 'claimed';
  }
}

/** Runs the batches one after another, each on what those before it left. */
function play(
  { promotions, members, batches }: World,
  onOutcome: (ask: Ask, told: string) => void,
): ClaimablePromotion[] {
  let minted = 0;
  let rows = [...promotions];
  const earlier = new Map<string, EarlierClaim>();
  const claimed = new Set<string>();
  const users = new Map(members.map((isMember, i) => [`u${i}`, { isMember }]));
  for (const batch of batches) {
    const read = { promotions: new Map(rows.map((row) => [row.id, row])), users, earlier, claimed };
    const book = new ClaimBook(read, NOW, () => `c${(minted += 1)}`);
    for (const asked of batch) {
      const [userId, promotionId, requestId] = [`u${asked.user}`, `p${asked.promotion}`, `r${asked.request}`];
      const content = contentHash('ClaimCoupon', { user_id: userId, promotion_id: promotionId });
      try {
        const outcome = book.claim({ userId, promotionId, requestId, actor: 'test', contentHash: content });
        onOutcome(asked, outcome.replayed ? 'replayed' : 'claimed');
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        onOutcome(asked, error.reason);
      }
    }
    for (const { command, coupon } of book.claims) {
      const { contentHash: hash, userId, requestId } = command;
      earlier.set(claimKey(userId, requestId), { contentHash: hash, couponId: coupon.id });
      claimed.add(claimKey(userId, coupon.promotionId));
    }
    const changes = new Map(book.countChanges.map((change) => [change.promotionId, change]));
    rows = rows.map((row) => {
      const change = changes.get(row.id);
      if (change === undefined) return row;
      expect(change.was).toBe(row.claimedCount);
      return { ...row, claimedCount: change.isNow };
    });
  }
  return rows;
}

/** R13.4, R13.7, lesson 32: whatever is asked in whatever batches, the decision is the documented one. */
describe('the decision on claims', () => {
  test('is what the rules say, in their order, for any claims in any batches', () => {
    fc.assert(
      fc.property(world, (some) => {
        const oracle = new Oracle(some);
        play(some, (asked, told) => expect([asked, told]).toEqual([asked, oracle.judge(asked)]));
      }),
      { numRuns: 2_000 },
    );
  });

  test('never issues more than the stock, and counts what it issued', () => {
    fc.assert(
      fc.property(world, (some) => {
        const issued = new Map<number, number>();
        const rows = play(some, ({ promotion: index }, told) => {
          if (told === 'claimed') issued.set(index, (issued.get(index) ?? 0) + 1);
        });
        for (const [index, row] of rows.entries()) {
          expect(row.claimedCount).toBe(issued.get(index) ?? 0);
          expect(row.claimedCount).toBeLessThanOrEqual(row.totalQuota);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
