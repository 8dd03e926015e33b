import { OrderStatus } from '../../src/gen/billing/v1/order_service.pb';
import { call, mustSucceed } from '../support/clients';
import { newId } from '../support/harness';
import { createOrderCall } from '../support/order-calls';
import { checkPromotionsOf } from '../support/promotion-check';
import { claimCall, openPromotion, stockOf } from '../support/promotions';
import { setStage, type Stage } from '../support/service-process';
import { untilAnswered } from '../support/until-answered';

/** Must show 6 of promotions, R13.8, lessons 2, 17: a claim and an order that were acknowledged are there once after kill -9. */
describe('kill -9 in the middle of 1 000 claims and 200 orders', () => {
  const CLAIMS = 1_000;
  const ORDERS = 200;
  const STOCK = 700;
  const CALLERS = 32;
  const KILL_AT = [200, 500];
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(() => stage.close());

  test('retried with the same ids: stock and budget are conserved, every acknowledged effect is there once', async () => {
    let running = await stage.start();
    const { membership, promotion, order } = stage.as('order-service');
    const users = Array.from({ length: CLAIMS }, () => newId('claimer'));
    const each = async (count: number, work: (index: number) => Promise<void>): Promise<void> => {
      let next = 0;
      const caller = async (): Promise<void> => {
        while (next < count) await work(next++);
      };
      await Promise.all(Array.from({ length: CALLERS }, caller));
    };
    await each(CLAIMS, async (index) => {
      const request = { requestId: 'register', userId: users[index] ?? '', identityHashes: [] };
      await mustSucceed(call(membership.registerUser.bind(membership), request));
    });
    const promotionId = await openPromotion(stage, { totalQuota: STOCK, budget: 10_000_000 });

    const coupons = new Map<string, string>();
    const orders = new Map<string, string>();
    let [soldOut, lost, done] = [0, 0, 0];
    const restarts: Promise<void>[] = [];
    const restart = async (): Promise<void> => {
      const { ended } = running;
      running.kill('SIGKILL');
      expect(await ended).toEqual({ code: null, signal: 'SIGKILL' });
      running = await stage.start();
    };
    const count = (): void => {
      done += 1;
      if (KILL_AT.includes(done)) restarts.push(restart());
    };
    const onLost = (): void => {
      lost += 1;
    };
    await each(CLAIMS, async (index) => {
      const userId = users[index] ?? '';
      const asked = { requestId: `claim-${index}`, userId, promotionId };
      const reply = await untilAnswered(promotion, () => claimCall(stage, asked), onLost);
      count();
      if (!reply.ok) {
        expect(reply.reason).toBe('PROMOTION_SOLD_OUT');
        soldOut += 1;
        return;
      }
      const couponId = reply.response.coupon?.couponId ?? '';
      coupons.set(userId, couponId);
      if (orders.size >= ORDERS) return;
      orders.set(userId, '');
      const ordered = { requestId: `order-${index}`, userId, couponId };
      const made = await untilAnswered(order, () => createOrderCall(stage, ordered), onLost);
      orders.set(userId, (await mustSucceed(Promise.resolve(made))).order?.orderId ?? '');
    });
    await Promise.all(restarts);
    expect(restarts).toHaveLength(KILL_AT.length);
    expect(lost).toBeGreaterThan(0);
    expect([coupons.size, soldOut]).toEqual([STOCK, CLAIMS - STOCK]);

    const rows = await stage.db.query('SELECT id, user_id, order_id, status FROM user_coupons WHERE promotion_id = ?', [
      promotionId,
    ]);
    expect(new Map(rows.map((row) => [row['user_id'], row['id']]))).toEqual(coupons);
    const held = rows.filter(({ status }) => status === 'locked');
    expect(new Map(held.map((row) => [row['user_id'], row['order_id']]))).toEqual(orders);
    const all = { claimed: STOCK, budgetUsed: ORDERS * 1_000, locked: ORDERS, unused: STOCK - ORDERS };
    expect(await stockOf(stage.db, promotionId)).toEqual(all);
    expect((await checkPromotionsOf(stage.db)).faults).toEqual([]);

    // Everything once more: the same coupons and orders, and nothing moves.
    await each(CLAIMS, async (index) => {
      const userId = users[index] ?? '';
      const again = await claimCall(stage, { requestId: `claim-${index}`, userId, promotionId });
      const known = coupons.get(userId);
      if (again.ok) expect([again.response.coupon?.couponId, again.response.replayed]).toEqual([known, true]);
      else expect([again.reason, known]).toEqual(['PROMOTION_SOLD_OUT', undefined]);
      const orderId = orders.get(userId);
      if (orderId === undefined) return;
      const ordered = { requestId: `order-${index}`, userId, couponId: known ?? '' };
      const { order: found, replayed } = await mustSucceed(createOrderCall(stage, ordered));
      expect([found?.orderId, found?.status, replayed]).toEqual([orderId, OrderStatus.PENDING, true]);
    });
    expect(await stockOf(stage.db, promotionId)).toEqual(all);
  }, 240_000);
});
