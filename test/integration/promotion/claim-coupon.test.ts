import { CouponStatus, PromotionStatus } from '../../../src/gen/billing/v1/promotion_service.pb';
import { mustSucceed } from '../../support/clients';
import { newId, registerMember, registerUser, startHarness, until, type Harness } from '../../support/harness';
import {
  claim,
  claimCall,
  createPromotion,
  listCouponsCall,
  openPromotion,
  setStatus,
  stockOf,
} from '../../support/promotions';
import { readUserRows } from '../../support/user-rows';

const DAY_MS = 86_400_000;

/** R13.4, R13.7, lessons 32, 35: one coupon a user, never more than the stock, and each claim told once. */
describe('ClaimCoupon', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const registerUsers = (count: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, () => registerUser(h)));

  test('gives an unused coupon that expires after the days of the promotion, and counts it', async () => {
    const promotionId = await openPromotion(h, { couponValidDays: 7 });
    const userId = await registerUser(h);
    const coupon = await claim(h, userId, promotionId);
    expect(coupon).toMatchObject({ userId, promotionId, status: CouponStatus.UNUSED, orderId: '' });
    expect(Number(coupon.expireTime?.getTime()) - Number(coupon.claimTime?.getTime())).toBe(7 * DAY_MS);
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 0, unused: 1 });
    const { coupons } = await mustSucceed(listCouponsCall(h, { userId }));
    expect(coupons).toEqual([coupon]);
    const audit = await h.db.query('SELECT action, actor, cause FROM audit_logs WHERE subject_id = ?', [
      coupon.couponId,
    ]);
    expect(audit).toMatchObject([{ action: 'ClaimCoupon', actor: 'spiffe://billing/order-service/order-service' }]);
    const events = await h.db.query("SELECT payload FROM outbox WHERE type = 'coupon.claimed' AND payload LIKE ?", [
      `%${coupon.couponId}%`,
    ]);
    expect(events).toHaveLength(1);
  });

  test('R13.4: 100 claims at once by 100 users on a stock of 50 give 50 coupons; the rest are told that it is sold out', async () => {
    const promotionId = await openPromotion(h, { totalQuota: 50 });
    const users = await registerUsers(100);
    const replies = await Promise.all(users.map((userId) => claimCall(h, { userId, promotionId })));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(50);
    const reasons = replies.map((reply) => (reply.ok ? '' : `${reply.code} ${reply.reason}`));
    expect(reasons.filter((reason) => reason === 'FAILED_PRECONDITION PROMOTION_SOLD_OUT')).toHaveLength(50);
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 50, budgetUsed: 0, unused: 50 });
  });

  test('R13.7: 100 claims at once by one user give one coupon; the rest are told that he has it', async () => {
    const promotionId = await openPromotion(h, { totalQuota: 50 });
    const userId = await registerUser(h);
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, i) => claimCall(h, { userId, promotionId, requestId: `many-${i}` })),
    );
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    const reasons = replies.flatMap((reply) => (reply.ok ? [] : [`${reply.code} ${reply.reason}`]));
    expect(new Set(reasons)).toEqual(new Set(['ALREADY_EXISTS COUPON_ALREADY_CLAIMED']));
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 0, unused: 1 });
  });

  test('the same request_id gives the same coupon again, as it is now, and claims nothing', async () => {
    const promotionId = await openPromotion(h);
    const userId = await registerUser(h);
    const requestId = newId('claim');
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => mustSucceed(claimCall(h, { requestId, userId, promotionId }))),
    );
    expect(replies.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(replies.map(({ coupon }) => coupon?.couponId)).size).toBe(1);
    const before = await readUserRows(h.db, userId);
    await setStatus(h, promotionId, PromotionStatus.ENDED);
    const again = await mustSucceed(claimCall(h, { requestId, userId, promotionId }));
    expect(again).toMatchObject({ replayed: true, coupon: replies[0]?.coupon });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('the same request_id for another promotion is REQUEST_ID_REUSED, and nothing is claimed', async () => {
    const [first, second] = [await openPromotion(h), await openPromotion(h)];
    const userId = await registerUser(h);
    const requestId = newId('claim');
    await mustSucceed(claimCall(h, { requestId, userId, promotionId: first }));
    const before = await readUserRows(h.db, userId);
    const reused = await claimCall(h, { requestId, userId, promotionId: second });
    expect(reused).toMatchObject({ ok: false, code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect(await stockOf(h.db, second)).toEqual({ claimed: 0, budgetUsed: 0 });
    // Of another user it is another request.
    await mustSucceed(claimCall(h, { requestId, userId: await registerUser(h), promotionId: second }));
  });

  test('one request_id for two promotions at once claims one of them', async () => {
    const promotions = [await openPromotion(h), await openPromotion(h)];
    for (let round = 0; round < 10; round += 1) {
      const userId = await registerUser(h);
      const replies = await Promise.all(
        promotions.map((promotionId) => claimCall(h, { requestId: 'both', userId, promotionId })),
      );
      expect(replies.map((reply) => (reply.ok ? 'claimed' : reply.reason)).sort()).toEqual([
        'REQUEST_ID_REUSED',
        'claimed',
      ]);
      expect(await h.db.query('SELECT id FROM user_coupons WHERE user_id = ?', [userId])).toHaveLength(1);
    }
  });

  test('a request_id that another transaction takes at the same moment is REQUEST_ID_REUSED, not a fault', async () => {
    const promotionId = await openPromotion(h);
    const userId = await registerUser(h);
    const other = await h.db.connect('root');
    await other.query('START TRANSACTION');
    await other.query('INSERT INTO request_keys VALUES (?)', [
      [`user:${userId}`, 'PromotionService', 'taken', 'ClaimCoupon', Buffer.alloc(32), '{"couponId":"x"}', new Date()],
    ]);
    const ownId = other.threadId;
    const claiming = claimCall(h, { userId, promotionId, requestId: 'taken' });
    await until('the claim waits for the key', async () => {
      const statements = await h.db.query('SHOW PROCESSLIST');
      return statements.some(({ Info, Id }) => Id !== ownId && String(Info).startsWith('INSERT INTO request_keys'));
    });
    await other.query('COMMIT');
    await other.end();
    expect(await claiming).toMatchObject({ ok: false, code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 0, budgetUsed: 0 });
  });

  describe('refuses, and nothing changes:', () => {
    const expectRefused = async (
      userId: string,
      promotionId: string,
      expected: { readonly code: string; readonly reason: string },
    ): Promise<void> => {
      // Not by status: coupons of others may expire meanwhile.
      const issued = async () => h.db.query('SELECT claimed_count FROM promotions WHERE id = ?', [promotionId]);
      const before = [await readUserRows(h.db, userId), await issued()];
      expect(await claimCall(h, { userId, promotionId })).toMatchObject({ ok: false, ...expected });
      expect([await readUserRows(h.db, userId), await issued()]).toEqual(before);
    };
    const notActive = { code: 'FAILED_PRECONDITION', reason: 'PROMOTION_NOT_ACTIVE' };

    test('an unknown user, an unknown promotion', async () => {
      const promotionId = await openPromotion(h);
      await expectRefused(newId('nobody'), promotionId, { code: 'NOT_FOUND', reason: 'USER_NOT_FOUND' });
      await expectRefused(await registerUser(h), newId('p'), { code: 'NOT_FOUND', reason: 'PROMOTION_NOT_FOUND' });
    });

    test('a second coupon of the promotion, whatever the request_id', async () => {
      const promotionId = await openPromotion(h);
      const userId = await registerUser(h);
      await claim(h, userId, promotionId);
      await expectRefused(userId, promotionId, { code: 'ALREADY_EXISTS', reason: 'COUPON_ALREADY_CLAIMED' });
    });

    test('a draft, a paused and an ended promotion; a resumed one gives coupons again', async () => {
      const userId = await registerUser(h);
      const draft = await createPromotion(h);
      await expectRefused(userId, draft, notActive);
      await setStatus(h, draft, PromotionStatus.ACTIVE);
      await setStatus(h, draft, PromotionStatus.PAUSED);
      await expectRefused(userId, draft, notActive);
      await setStatus(h, draft, PromotionStatus.ACTIVE);
      await claim(h, userId, draft);
      await setStatus(h, draft, PromotionStatus.ENDED);
      await expectRefused(await registerUser(h), draft, notActive);
    });

    test('before the window and from its end on: the start is inside, the end is not', async () => {
      const now = h.clock.now().getTime();
      const [start, end] = [new Date(now + DAY_MS), new Date(now + 2 * DAY_MS)];
      const promotionId = await openPromotion(h, { claimStartTime: start, claimEndTime: end });
      const [first, second, third] = (await registerUsers(3)) as [string, string, string];
      await expectRefused(first, promotionId, notActive);
      h.clock.stopAt(start);
      await claim(h, first, promotionId);
      h.clock.stopAt(new Date(end.getTime() - 1));
      await claim(h, second, promotionId);
      h.clock.stopAt(end);
      await expectRefused(third, promotionId, notActive);
    });

    test('a promotion whose coupons would be expired already', async () => {
      const expiry = new Date(h.clock.now().getTime() + DAY_MS);
      const promotionId = await openPromotion(h, { couponExpireTime: expiry });
      h.clock.stopAt(new Date(expiry.getTime() - 1));
      expect((await claim(h, await registerUser(h), promotionId)).expireTime).toEqual(expiry);
      h.clock.stopAt(expiry);
      await expectRefused(await registerUser(h), promotionId, notActive);
    });

    test('a member, where a promotion is for new users only', async () => {
      const promotionId = await openPromotion(h, { newUsersOnly: true });
      const { userId } = await registerMember(h);
      await expectRefused(userId, promotionId, { code: 'FAILED_PRECONDITION', reason: 'USER_NOT_ELIGIBLE' });
      await claim(h, await registerUser(h), promotionId);
    });

    test('a promotion whose stock is gone, even for somebody who is not eligible after that', async () => {
      const promotionId = await openPromotion(h, { totalQuota: 1 });
      await claim(h, await registerUser(h), promotionId);
      const soldOut = { code: 'FAILED_PRECONDITION', reason: 'PROMOTION_SOLD_OUT' };
      await expectRefused(await registerUser(h), promotionId, soldOut);
    });

    test.each([
      ['request_id', { requestId: '' }],
      ['user_id', { userId: '' }],
      ['promotion_id', { promotionId: 'x'.repeat(65) }],
    ])('a malformed %s, with its path', async (field, change) => {
      const promotionId = await openPromotion(h);
      const userId = await registerUser(h);
      const reply = await claimCall(h, { userId, promotionId, ...change });
      expect(reply).toMatchObject({ ok: false, code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: [field] });
      expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 0, budgetUsed: 0 });
    });
  });
});
