import { call, mustSucceed, type Reply } from '../support/clients';
import { newId } from '../support/harness';
import { claimCall, openPromotion, stockOf } from '../support/promotions';
import { createOrderCall } from '../support/order-calls';
import { checkPromotionsOf } from '../support/promotion-check';
import { setStage, type Stage } from '../support/service-process';

/** Must show 1 and 5 of promotions, R13.4, lessons 32 to 35: one stock, two processes, everybody at once. */
describe('two processes that claim from and order with one promotion', () => {
  const CALLERS_PER_PROCESS = 64;
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage({}, 2);
    await Promise.all(stage.places.map((place) => place.start()));
  });
  afterAll(() => stage.close());

  const registerUsers = async (count: number): Promise<string[]> => {
    const { membership } = stage.as('order-service');
    const users: string[] = [];
    const register = async (): Promise<void> => {
      while (users.length < count) {
        const userId = newId('claimer');
        users.push(userId);
        const request = { requestId: 'register', userId, identityHashes: [] };
        await mustSucceed(call(membership.registerUser.bind(membership), request));
      }
    };
    await Promise.all(Array.from({ length: 16 }, register));
    return users;
  };
  const placeOf = (index: number) => stage.places[index % stage.places.length] ?? stage;

  test('1 000 claims at once on a stock of 100: exactly 100 coupons, 900 are told that it is sold out', async () => {
    const promotionId = await openPromotion(stage, { totalQuota: 100 });
    const users = await registerUsers(1_000);
    const replies = await Promise.all(users.map((userId, i) => claimCall(placeOf(i), { userId, promotionId })));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(100);
    const reasons = replies.flatMap((reply) => (reply.ok ? [] : [`${reply.code} ${reply.reason}`]));
    expect(new Set(reasons)).toEqual(new Set(['FAILED_PRECONDITION PROMOTION_SOLD_OUT']));
    expect(await stockOf(stage.db, promotionId)).toEqual({ claimed: 100, budgetUsed: 0, unused: 100 });
  }, 120_000);

  test('one user claims at both processes at once: one coupon', async () => {
    const promotionId = await openPromotion(stage);
    for (const userId of await registerUsers(10)) {
      const replies = await Promise.all([0, 1].map((i) => claimCall(placeOf(i), { userId, promotionId })));
      const told = replies.map((reply) => (reply.ok ? 'claimed' : reply.reason));
      expect(told.sort()).toEqual(['COUPON_ALREADY_CLAIMED', 'claimed']);
    }
    expect(await stockOf(stage.db, promotionId)).toEqual({ claimed: 10, budgetUsed: 0, unused: 10 });
  }, 120_000);

  test('one request_id for two promotions at both processes at once claims one of them', async () => {
    const promotions = [await openPromotion(stage), await openPromotion(stage)];
    const users = await registerUsers(60);
    const replies = await Promise.all(
      users.map((userId) =>
        Promise.all(
          promotions.map((promotionId, i) => claimCall(placeOf(i), { userId, promotionId, requestId: 'both' })),
        ),
      ),
    );
    const told = replies.map((pair) =>
      pair
        .map((reply) => (reply.ok ? 'claimed' : reply.reason))
        .sort()
        .join(' '),
    );
    expect(new Set(told)).toEqual(new Set(['REQUEST_ID_REUSED claimed']));
  }, 120_000);

  test('claims and orders on one promotion with a budget, 64 callers at each process: nobody sees a deadlock, all figures agree', async () => {
    const promotionId = await openPromotion(stage, { totalQuota: 1_000, budget: 1_000_000 });
    const users = await registerUsers(512);
    const refused: string[] = [];
    const note = <Response>(reply: Reply<Response>): Response | undefined => {
      if (reply.ok) return reply.response;
      refused.push(`${reply.code} ${reply.reason}`);
      return undefined;
    };
    const caller = async (index: number): Promise<void> => {
      const place = placeOf(index);
      const mine = users.filter((_, i) => i % (2 * CALLERS_PER_PROCESS) === index);
      for (const userId of mine) {
        const claimed = note(await claimCall(place, { userId, promotionId }));
        const couponId = claimed?.coupon?.couponId ?? '';
        note(await createOrderCall(place, { userId, couponId }));
      }
    };
    await Promise.all(Array.from({ length: 2 * CALLERS_PER_PROCESS }, (_, index) => caller(index)));
    expect(refused).toEqual([]);
    expect(await stockOf(stage.db, promotionId)).toEqual({ claimed: 512, budgetUsed: 512_000, locked: 512 });
    expect((await checkPromotionsOf(stage.db)).faults).toEqual([]);
  }, 180_000);
});
