import type { Database } from '../../../src/platform/db/database';
import { withTx } from '../../../src/platform/db/tx';
import { moveOrder } from '../../../src/order/move-order';
import { couponUseOf, holdCouponOf } from '../../../src/order/order-coupon';
import { OrderRow } from '../../../src/order/order.model';
import { moveCoupon } from '../../../src/promotion/held-coupon';
import { mustSucceed } from '../../support/clients';
import { registerUser, startHarness, until, type Harness } from '../../support/harness';
import { createOrderCall } from '../../support/order-calls';
import { checkPromotionsOf } from '../../support/promotion-check';
import { claim, openPromotion, stockOf, type PromotionFields } from '../../support/promotions';
import { refundOf, untilRefunds } from '../../support/refund-calls';
import { openServiceDatabase } from '../../support/service-database';
import { readUserRows } from '../../support/user-rows';

const DAY_MS = 86_400_000;

/** Must show 4 of promotions, R13.5, lessons 33, 34, 36, 37: every way a coupon goes with its order, and none besides. */
describe('the life of a coupon', () => {
  let h: Harness;
  let db: Database;
  beforeAll(async () => {
    h = await startHarness({ WECHATPAY_BREAKER_OPEN_MS: '50' });
    db = openServiceDatabase(h.infra, h.db);
  });
  afterAll(async () => {
    expect((await checkPromotionsOf(h.db)).faults).toEqual([]);
    await db.knex.destroy();
    await h.stop();
  });

  const budget = 100_000;
  /** A user with an order that holds a coupon of a promotion. */
  const ordered = async (fields: PromotionFields = {}) => {
    const promotionId = await openPromotion(h, { budget, ...fields });
    const userId = await registerUser(h);
    const { couponId, expireTime } = await claim(h, userId, promotionId);
    const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    return { promotionId, userId, couponId, expireTime: expireTime ?? new Date(0), orderId: order?.orderId ?? '' };
  };
  const rowOf = async (orderId: string): Promise<OrderRow> =>
    OrderRow.query(db.knex).findById(orderId).throwIfNotFound();
  const close = async (orderId: string): Promise<OrderRow> =>
    moveOrder({ db, clock: h.clock, onStatus: () => undefined }, await rowOf(orderId), 'closed', 'closed_elsewhere');
  /** Refunds a paid order in full; returns when the money went back. */
  const refund = async (known: { readonly userId: string; readonly orderId: string }): Promise<void> => {
    await refundOf(h, known);
    await untilRefunds(h, known.orderId, ['succeeded']);
  };
  const pay = (orderId: string) => h.control('/_control/pay', { order_id: orderId });

  test('an order that is closed gives its coupon back, its budget too; another order can take it', async () => {
    const { promotionId, userId, couponId, orderId } = await ordered();
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 1_000, locked: 1 });
    expect((await close(orderId)).status).toBe('closed');
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 0, unused: 1 });
    const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    expect(order?.finalAmount).toBe(8_900);
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 1_000, locked: 1 });
  });

  test('closing twice, or at the same time, gives back once', async () => {
    const { promotionId, orderId } = await ordered();
    const ends = await Promise.all(Array.from({ length: 8 }, () => close(orderId)));
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['closed']));
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 0, unused: 1 });
  });

  test('closed at the very instant the coupon expires, it comes back expired; a millisecond before, unused', async () => {
    const late = await ordered({ couponValidDays: 2 });
    const early = await ordered({ couponValidDays: 2 });
    h.clock.stopAt(new Date(early.expireTime.getTime() - 1));
    await close(early.orderId);
    expect(await stockOf(h.db, early.promotionId)).toEqual({ claimed: 1, budgetUsed: 0, unused: 1 });
    h.clock.stopAt(late.expireTime);
    await close(late.orderId);
    expect(await stockOf(h.db, late.promotionId)).toEqual({ claimed: 1, budgetUsed: 0, expired: 1 });
  });

  test('while an order holds it, a coupon does not expire, however late it is; then it comes back expired', async () => {
    const { promotionId, expireTime, orderId } = await ordered({ couponValidDays: 1 });
    const other = await openPromotion(h, { couponValidDays: 1 });
    await claim(h, await registerUser(h), other);
    // Its order can not be closed.
    await h.control('/_control/fault', { name: '500', times: 100_000, path: '/v3/pay/transactions/out-trade-no' });
    h.clock.stopAt(new Date(expireTime.getTime() + DAY_MS));
    // The job has been round when it has expired another one.
    await until('an expiry is booked', async () => (await stockOf(h.db, other))['expired'] === 1);
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 1_000, locked: 1 });
    await fetch(`${h.simulatorUrl}/_control/fault`, { method: 'DELETE' });
    await until('it is closed', async () => {
      h.clock.advanceMs(60_000);
      return (await rowOf(orderId)).status === 'closed';
    });
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 0, expired: 1 });
  });

  test('paid after it was closed: the money goes back, the coupon stays free', async () => {
    const { promotionId, userId, orderId } = await ordered();
    await close(orderId);
    await pay(orderId);
    expect((await rowOf(orderId)).status).toBe('closed');
    const payments = await h.db.query('SELECT status, amount FROM payments WHERE order_id = ?', [orderId]);
    expect(payments).toMatchObject([{ status: expect.stringMatching(/^refund(ing|ed)$/) as string, amount: 8_900 }]);
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 0, unused: 1 });
    const [user] = await h.db.query('SELECT quota_remaining FROM users WHERE id = ?', [userId]);
    expect(user).toEqual({ quota_remaining: 10 });
  });

  test('paid and closed at the same time: paid and used, or closed and free, never half', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { promotionId, orderId } = await ordered();
      await Promise.all([pay(orderId), close(orderId)]);
      const { status } = await rowOf(orderId);
      const expected = status === 'paid' ? { budgetUsed: 1_000, used: 1 } : { budgetUsed: 0, unused: 1 };
      expect(['paid', 'closed']).toContain(status);
      expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, ...expected });
    }
  });

  test('lesson 37: a refunded order gives its coupon back where the promotion says so, in time or too late', async () => {
    const [inTime, tooLate] = [await ordered({ returnedOnRefund: true }), await ordered({ returnedOnRefund: true })];
    for (const { orderId } of [inTime, tooLate]) await pay(orderId);
    await refund(inTime);
    expect(await stockOf(h.db, inTime.promotionId)).toEqual({ claimed: 1, budgetUsed: 0, unused: 1 });
    h.clock.stopAt(tooLate.expireTime);
    await refund(tooLate);
    expect(await stockOf(h.db, tooLate.promotionId)).toEqual({ claimed: 1, budgetUsed: 0, expired: 1 });
  });

  test('lesson 37: it stays used where the promotion does not, and can not be used again', async () => {
    const { promotionId, userId, couponId, orderId } = await ordered();
    await pay(orderId);
    await refund({ userId, orderId });
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 1_000, used: 1 });
    const again = await createOrderCall(h, { userId, couponId });
    expect(again).toMatchObject({ ok: false, reason: 'COUPON_NOT_USABLE', metadata: { status: 'used' } });
  });

  describe('what may not happen is a fault of ours, and changes nothing:', () => {
    const expectFault = async (
      known: { readonly orderId: string; readonly userId: string },
      event: 'locked' | 'paid' | 'released' | 'returned',
      orderId = known.orderId,
    ): Promise<void> => {
      const order = await rowOf(known.orderId);
      const before = await readUserRows(h.db, known.userId);
      const moved = withTx(db, { name: 'test' }, async (tx) => {
        const held = await holdCouponOf(tx, order);
        if (held !== undefined) await moveCoupon(tx, held, event, { ...couponUseOf(order), orderId }, h.clock.now());
      });
      await expect(moved).rejects.toThrow(/coupon/);
      expect(await readUserRows(h.db, known.userId)).toEqual(before);
    };

    test('a coupon that is held is not taken or returned, nor moved by another order', async () => {
      const known = await ordered();
      for (const event of ['locked', 'returned'] as const) await expectFault(known, event);
      for (const event of ['paid', 'released'] as const) await expectFault(known, event, 'another-order');
    });

    test('one that is used is not taken, used or released again', async () => {
      const known = await ordered();
      await pay(known.orderId);
      for (const event of ['locked', 'paid', 'released'] as const) await expectFault(known, event);
    });

    test('one that is free is not used, released or returned', async () => {
      const known = await ordered();
      await close(known.orderId);
      for (const event of ['paid', 'released', 'returned'] as const) await expectFault(known, event);
    });

    test('one that has expired does not move any more', async () => {
      const known = await ordered({ couponValidDays: 1 });
      h.clock.stopAt(known.expireTime);
      await close(known.orderId);
      for (const event of ['locked', 'paid', 'released', 'returned'] as const) await expectFault(known, event);
    });
  });
});
