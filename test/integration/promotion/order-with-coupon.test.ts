import { OrderStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { CouponStatus, DiscountType, type Coupon } from '../../../src/gen/billing/v1/promotion_service.pb';
import { mustSucceed } from '../../support/clients';
import { newId, registerMember, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { createOrderCall, getOrderCall, quoteOrderCall } from '../../support/order-calls';
import { claim, listCouponsCall, openPromotion, stockOf, type PromotionFields } from '../../support/promotions';
import { readUserRows } from '../../support/user-rows';

const DAY_MS = 86_400_000;

/** R13.1 to R13.7, lessons 32 to 36: a coupon is priced here, held by one order, and used when that is paid. */
describe('an order with a coupon', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness({ OPEN_ORDERS_MAX: '3' });
  });
  afterAll(() => h.stop());

  const couponOf = async (userId: string, couponId: string): Promise<Coupon | undefined> => {
    const { coupons } = await mustSucceed(listCouponsCall(h, { userId }));
    return coupons.find((coupon) => coupon.couponId === couponId);
  };
  const withCoupon = async (fields: PromotionFields = {}) => {
    const promotionId = await openPromotion(h, fields);
    const userId = await registerUser(h);
    const { couponId } = await claim(h, userId, promotionId);
    return { promotionId, userId, couponId };
  };

  test('R13.5, R13.6: it is charged what the coupon leaves, here and at WeChat Pay, and holds the coupon, unused yet', async () => {
    const { userId, couponId, promotionId } = await withCoupon({ discountValue: 1_500, budget: 5_000 });
    const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    expect(order).toMatchObject({
      status: OrderStatus.PENDING,
      originalAmount: 9_900,
      discountAmount: 1_500,
      finalAmount: 8_400,
      couponId,
      netAmount: 7_925,
      taxAmount: 475,
    });
    const orderId = order?.orderId ?? '';
    const atWechat = (await (await fetch(`${h.simulatorUrl}/_control/orders/${orderId}`)).json()) as object;
    expect(atWechat).toMatchObject({ amount: 8_400 });
    expect(await couponOf(userId, couponId)).toMatchObject({ status: CouponStatus.LOCKED, orderId });
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 1_500, locked: 1 });

    await h.control('/_control/pay', { order_id: orderId });
    expect(await couponOf(userId, couponId)).toMatchObject({ status: CouponStatus.USED, orderId });
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 1_500, used: 1 });
  });

  test('R13.2: a percentage is taken off what is charged, rounded down, and no more than the cap', async () => {
    const percent = { discountType: DiscountType.PERCENTAGE, discountValue: 33 };
    const first = await withCoupon(percent);
    const { order } = await mustSucceed(createOrderCall(h, first));
    expect(order).toMatchObject({ discountAmount: 3_267, finalAmount: 6_633 });
    const capped = await withCoupon({ ...percent, maxDiscount: 1_234 });
    expect((await mustSucceed(createOrderCall(h, capped))).order).toMatchObject({ discountAmount: 1_234 });
  });

  test('R13.6: a callback with the price before the discount is refused, and the coupon stays held', async () => {
    const { userId, couponId } = await withCoupon();
    const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    const orderId = order?.orderId ?? '';
    await h.control('/_control/pay', { order_id: orderId, amount: 9_900 });
    expect((await mustSucceed(getOrderCall(h, userId, orderId))).order?.status).toBe(OrderStatus.PENDING);
    expect(await couponOf(userId, couponId)).toMatchObject({ status: CouponStatus.LOCKED, orderId });
  });

  test('QuoteOrder says what CreateOrder charges, and reserves nothing', async () => {
    const { userId, couponId, promotionId } = await withCoupon({ discountValue: 777 });
    const before = [await readUserRows(h.db, userId), await stockOf(h.db, promotionId)];
    const plain = await mustSucceed(quoteOrderCall(h, { userId, planId: 'monthly' }));
    expect(plain).toMatchObject({ originalAmount: 9_900, discountAmount: 0, finalAmount: 9_900 });
    const quoted = await mustSucceed(quoteOrderCall(h, { userId, planId: 'monthly', couponId }));
    expect(quoted).toMatchObject({ originalAmount: 9_900, discountAmount: 777, finalAmount: 9_123 });
    expect([await readUserRows(h.db, userId), await stockOf(h.db, promotionId)]).toEqual(before);
    const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    const { credits, ...amounts } = quoted;
    expect([credits, order]).toMatchObject([[], amounts]);
  });

  test('must show 2: of 50 orders at once with one coupon one holds it; the others are refused and change nothing', async () => {
    const { userId, couponId, promotionId } = await withCoupon({ budget: 2_000 });
    const replies = await Promise.all(Array.from({ length: 50 }, () => createOrderCall(h, { userId, couponId })));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    const refusals = replies.flatMap((reply) => (reply.ok ? [] : [`${reply.code} ${reply.reason}`]));
    expect(refusals).toEqual(Array.from({ length: 49 }, () => 'FAILED_PRECONDITION COUPON_NOT_USABLE'));
    expect(await h.db.query('SELECT id FROM orders WHERE user_id = ?', [userId])).toHaveLength(1);
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 1_000, locked: 1 });
  });

  test('repeated with the same request_id: the same order, the coupon taken once', async () => {
    const { userId, couponId, promotionId } = await withCoupon({ budget: 2_000 });
    const requestId = newId('order');
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => mustSucceed(createOrderCall(h, { requestId, userId, couponId }))),
    );
    expect(new Set(replies.map(({ order }) => order?.orderId)).size).toBe(1);
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 1_000, locked: 1 });
    const other = await createOrderCall(h, { requestId, userId });
    expect(other).toMatchObject({ ok: false, reason: 'REQUEST_ID_REUSED' });
  });

  describe('one that the coupon makes free', () => {
    const free = { discountType: DiscountType.PERCENTAGE, discountValue: 100 };

    test('is paid at once where the promotion allows it: membership and quota given, nothing asked of WeChat Pay', async () => {
      const { userId, couponId, promotionId } = await withCoupon({ ...free, mayBeFree: true });
      const requestId = newId('free');
      const made = await mustSucceed(createOrderCall(h, { requestId, userId, couponId }));
      expect(made).toMatchObject({ replayed: false, payment: undefined });
      expect(made.order).toMatchObject({ status: OrderStatus.PAID, finalAmount: 0, transactionId: '' });
      const orderId = made.order?.orderId ?? '';
      expect((await fetch(`${h.simulatorUrl}/_control/orders/${orderId}`)).status).toBe(404);
      expect(await couponOf(userId, couponId)).toMatchObject({ status: CouponStatus.USED, orderId });
      expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 0, used: 1 });
      const payments = await h.db.query('SELECT method, status, amount FROM payments WHERE order_id = ?', [orderId]);
      expect(payments).toEqual([{ method: 'none', status: 'applied', amount: 0 }]);
      const [user] = await h.db.query('SELECT quota_remaining, membership_plan_id FROM users WHERE id = ?', [userId]);
      expect(user).toEqual({ quota_remaining: 510, membership_plan_id: 'monthly' });
      const audit = await h.db.query('SELECT action FROM audit_logs WHERE subject_id = ? ORDER BY id', [orderId]);
      expect(audit.map(({ action }) => action)).toEqual(['CreateOrder', 'MarkOrderPaid']);
      const before = await readUserRows(h.db, userId);
      const again = await mustSucceed(createOrderCall(h, { requestId, userId, couponId }));
      expect(again).toMatchObject({ replayed: true, payment: undefined, order: { status: OrderStatus.PAID } });
      expect(await readUserRows(h.db, userId)).toEqual(before);
    });

    test('is refused where the promotion does not', async () => {
      const { userId, couponId } = await withCoupon(free);
      const before = await readUserRows(h.db, userId);
      const refused = await createOrderCall(h, { userId, couponId });
      expect(refused).toMatchObject({ ok: false, reason: 'COUPON_NOT_APPLICABLE', metadata: { why: 'would_be_free' } });
      expect(await readUserRows(h.db, userId)).toEqual(before);
    });
  });

  describe('is refused, by CreateOrder and QuoteOrder alike, and nothing changes:', () => {
    const expectRefused = async (
      asked: { readonly userId: string; readonly couponId: string },
      expected: { readonly code: string; readonly reason: string; readonly metadata?: object },
    ): Promise<void> => {
      const before = await readUserRows(h.db, asked.userId);
      expect(await quoteOrderCall(h, { planId: 'monthly', ...asked })).toMatchObject({ ok: false, ...expected });
      expect(await createOrderCall(h, asked)).toMatchObject({ ok: false, ...expected });
      expect(await readUserRows(h.db, asked.userId)).toEqual(before);
    };
    const notFound = { code: 'NOT_FOUND', reason: 'COUPON_NOT_FOUND' };
    const failed = (reason: string, metadata = {}) => ({ code: 'FAILED_PRECONDITION', reason, metadata });

    test('with a coupon that is not there, or somebody else’s', async () => {
      const { couponId } = await withCoupon();
      const userId = await registerUser(h);
      await expectRefused({ userId, couponId: newId('c').slice(0, 26) }, notFound);
      await expectRefused({ userId, couponId }, notFound);
    });

    test('with one that another order holds, or used', async () => {
      const { userId, couponId } = await withCoupon();
      const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
      await expectRefused({ userId, couponId }, failed('COUPON_NOT_USABLE', { status: 'locked' }));
      await h.control('/_control/pay', { order_id: order?.orderId ?? '' });
      await expectRefused({ userId, couponId }, failed('COUPON_NOT_USABLE', { status: 'used' }));
    });

    test('with one for other plans, or for dearer orders', async () => {
      const otherPlan = newId('yearly');
      await h.db.query(
        "INSERT INTO plans (id, name, kind, status, create_time) VALUES (?, '年度会员', 'sale', 'active', NOW(3))",
        [otherPlan],
      );
      const other = await withCoupon({ planIds: [otherPlan] });
      await expectRefused(other, failed('COUPON_NOT_APPLICABLE', { why: 'plan' }));
      const dearer = await withCoupon({ minOrderAmount: 9_901 });
      await expectRefused(dearer, failed('COUPON_NOT_APPLICABLE', { why: 'min_order_amount' }));
      const just = await withCoupon({ minOrderAmount: 9_900, planIds: [otherPlan, 'monthly'] });
      await mustSucceed(createOrderCall(h, just));
    });

    test('with one for new users, by a user who has become a member since', async () => {
      const promotionId = await openPromotion(h, { newUsersOnly: true });
      const { userId, couponId } = await (async () => {
        const newcomer = await registerUser(h);
        const { couponId: claimed } = await claim(h, newcomer, promotionId);
        const { order } = await mustSucceed(createOrderCall(h, { userId: newcomer }));
        await h.control('/_control/pay', { order_id: order?.orderId ?? '' });
        return { userId: newcomer, couponId: claimed };
      })();
      await expectRefused({ userId, couponId }, failed('USER_NOT_ELIGIBLE'));
    });

    test('when the budget left is smaller than the discount; what is held counts', async () => {
      const promotionId = await openPromotion(h, { budget: 1_999 });
      const [first, second] = [await registerUser(h), await registerUser(h)];
      const [held, late] = [await claim(h, first, promotionId), await claim(h, second, promotionId)];
      await mustSucceed(createOrderCall(h, { userId: first, couponId: held.couponId }));
      const exhausted = failed('PROMOTION_BUDGET_EXHAUSTED');
      await expectRefused({ userId: second, couponId: late.couponId }, exhausted);
      expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 2, budgetUsed: 1_000, locked: 1, unused: 1 });
    });

    test('from the very instant on at which the coupon expires, booked or not; a held one stays held', async () => {
      const promotionId = await openPromotion(h, { couponValidDays: 1 });
      const [first, second] = [await registerUser(h), await registerUser(h)];
      h.clock.stopAt(h.clock.now());
      const [held, late] = [await claim(h, first, promotionId), await claim(h, second, promotionId)];
      const expiry = new Date(Number(late.expireTime?.getTime()));
      h.clock.stopAt(new Date(expiry.getTime() - 1));
      const { order } = await mustSucceed(createOrderCall(h, { userId: first, couponId: held.couponId }));
      await mustSucceed(quoteOrderCall(h, { userId: second, planId: 'monthly', couponId: late.couponId }));
      h.clock.stopAt(expiry);
      // Its expiry may be booked between any two of these: nothing else may change.
      const expired = failed('COUPON_NOT_USABLE', { status: 'expired' });
      const asked = { userId: second, couponId: late.couponId };
      expect(await createOrderCall(h, asked)).toMatchObject({ ok: false, ...expired });
      expect(await quoteOrderCall(h, { planId: 'monthly', ...asked })).toMatchObject({ ok: false, ...expired });
      await until('the expiry is booked', async () => (await stockOf(h.db, promotionId))['expired'] === 1);
      expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 2, budgetUsed: 0, locked: 1, expired: 1 });
      await expectRefused(asked, expired);
      // Paid in time by its order, however late that is.
      h.clock.stopAt(new Date(expiry.getTime() + 60_000));
      await h.control('/_control/pay', { order_id: order?.orderId ?? '' });
      expect(await couponOf(first, held.couponId)).toMatchObject({ status: CouponStatus.USED });
    });
  });

  test('R1.3: a user has at most so many orders that wait for payment; a paid or expired one makes room', async () => {
    const { userId } = await registerMember(h);
    const open = await Promise.all(Array.from({ length: 10 }, () => createOrderCall(h, { userId })));
    expect(open.filter(({ ok }) => ok)).toHaveLength(3);
    const refused = open.flatMap((reply) => (reply.ok ? [] : [`${reply.code} ${reply.reason}`]));
    expect(new Set(refused)).toEqual(new Set(['FAILED_PRECONDITION TOO_MANY_OPEN_ORDERS']));
    const [first] = open.flatMap((reply) => (reply.ok ? [reply.response.order?.orderId ?? ''] : []));
    await h.control('/_control/pay', { order_id: first ?? '' });
    await mustSucceed(createOrderCall(h, { userId }));
    expect(await createOrderCall(h, { userId })).toMatchObject({ ok: false, reason: 'TOO_MANY_OPEN_ORDERS' });
    h.clock.advanceMs(DAY_MS);
    await mustSucceed(createOrderCall(h, { userId }));
  });
});
