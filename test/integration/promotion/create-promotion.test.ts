import { DiscountType, type Promotion, PromotionStatus } from '../../../src/gen/billing/v1/promotion_service.pb';
import { mustSucceed } from '../../support/clients';
import { newId, startHarness, type Harness } from '../../support/harness';
import {
  aPromotion,
  createPromotionCall,
  getPromotionCall,
  makeDraft,
  promotionState,
  readTraces,
} from '../../support/promotion-calls';
import { setStatus } from '../../support/promotions';

const DAY_MS = 86_400_000;
const CREATOR = 'spiffe://billing/operations/operations';

/** R13.1: people say what a promotion's coupons take off, and no caller does. */
describe('CreatePromotion', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const inDays = (days: number): Date => new Date(h.clock.now().getTime() + days * DAY_MS);

  test('makes a draft of its caller, with one audit row, one event and the key, none of which names a user', async () => {
    const requestId = newId('r');
    const promotion = await makeDraft(h, { name: '开学季' }, { requestId });
    expect(promotion).toMatchObject({ name: '开学季', status: PromotionStatus.DRAFT, createdBy: CREATOR });
    expect(promotion).toMatchObject({ claimedCount: 0, budgetUsed: 0, totalQuota: 10, couponValidDays: 30 });
    const { row, audit, events } = await readTraces(h, promotion.promotionId);
    expect(row).toMatchObject({
      status: 'draft',
      created_by: CREATOR,
      editors: JSON.stringify([CREATOR]),
      revision: 1,
    });
    expect(audit).toMatchObject([
      { action: 'CreatePromotion', actor: CREATOR, user_id: null, cause: requestId, before_state: null },
    ]);
    expect(JSON.parse(String(audit[0]?.['after_state']))).toMatchObject({ status: 'draft', discount_value: 1_000 });
    expect(events).toMatchObject([{ type: 'promotion.created', user_id: null }]);
    const keys = await h.db.query('SELECT * FROM request_keys WHERE request_id = ?', [requestId]);
    const response = JSON.stringify({ promotionId: promotion.promotionId });
    expect(keys).toMatchObject([{ owner: `caller:${CREATOR}`, service: 'PromotionService', response }]);
  });

  test('keeps every field as it was given, and ignores those that are read only', async () => {
    const fields = {
      promotionId: newId('promo'),
      name: '双十一 15% 👕',
      discountType: DiscountType.PERCENTAGE,
      discountValue: 15,
      maxDiscount: 3_000,
      minOrderAmount: 5_000,
      planIds: ['monthly'],
      totalQuota: 1_000,
      budget: 50_000,
      claimStartTime: inDays(1),
      claimEndTime: inDays(2),
      couponExpireTime: inDays(3),
      couponValidDays: 0,
      newUsersOnly: true,
      mayBeFree: true,
      returnedOnRefund: true,
    };
    const readOnly = {
      claimedCount: 9,
      budgetUsed: 9,
      status: PromotionStatus.ENDED,
      createdBy: 'x',
      createTime: inDays(9),
    };
    const made = await makeDraft(h, { ...fields, ...readOnly });
    expect(made).toMatchObject({ ...fields, claimedCount: 0, budgetUsed: 0, status: PromotionStatus.DRAFT });
    expect(made.createdBy).toBe(CREATOR);
    expect((await mustSucceed(getPromotionCall(h, fields.promotionId))).promotion).toEqual(made);
  });

  test('keeps instants from the year 2000 to the last, to the millisecond', async () => {
    const [first, last] = [new Date('2000-01-01T00:00:00.000Z'), new Date('9999-12-31T23:59:59.999Z')];
    const times = { claimStartTime: first, claimEndTime: last, couponExpireTime: last };
    const { promotionId } = await makeDraft(h, {
      ...times,
      couponValidDays: 0,
      totalQuota: 10 ** 12,
      budget: 10 ** 12,
    });
    const { promotion } = await mustSucceed(getPromotionCall(h, promotionId));
    expect(promotion).toMatchObject({ ...times, totalQuota: 10 ** 12, budget: 10 ** 12 });
  });

  test('with the same id again makes nothing and shows the promotion as it is now (lesson 8)', async () => {
    const requestId = newId('r');
    const promotion = aPromotion();
    const first = await mustSucceed(createPromotionCall(h, promotion, { requestId }));
    const promotionId = first.promotion?.promotionId ?? '';
    await setStatus(h, promotionId, PromotionStatus.ACTIVE);
    const before = await promotionState(h);
    const again = await mustSucceed(createPromotionCall(h, promotion, { requestId }));
    expect(again).toEqual({ promotion: { ...first.promotion, status: PromotionStatus.ACTIVE }, replayed: true });
    expect(first.replayed).toBe(false);
    expect(await promotionState(h)).toEqual(before);
  });

  test('is answered again even after its coupons have expired: a repeat is not judged by a later clock', async () => {
    const requestId = newId('r');
    const promotion = aPromotion({ couponValidDays: 0, couponExpireTime: inDays(1) });
    await mustSucceed(createPromotionCall(h, promotion, { requestId }));
    h.clock.advanceMs(2 * DAY_MS);
    expect((await mustSucceed(createPromotionCall(h, promotion, { requestId }))).replayed).toBe(true);
    const before = await promotionState(h);
    expect(await createPromotionCall(h, promotion)).toMatchObject({
      ...{ reason: 'INVALID_REQUEST', fields: ['promotion.coupon_expire_time'] },
    });
    expect(await promotionState(h)).toEqual(before);
  });

  test('with a used id and other content is REQUEST_ID_REUSED and changes nothing (lesson 6); ids belong to callers', async () => {
    const requestId = newId('r');
    await mustSucceed(createPromotionCall(h, aPromotion(), { requestId }));
    const before = await promotionState(h);
    const refused = await createPromotionCall(h, aPromotion({ name: '别的' }), { requestId });
    expect(refused).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    expect(await promotionState(h)).toEqual(before);
    const other = await mustSucceed(createPromotionCall(h, aPromotion(), { requestId, as: 'operations-2' }));
    expect(other.replayed).toBe(false);
  });

  test('20 times at once under one id makes one promotion, with an id of its own or a given one', async () => {
    for (const promotionId of ['', newId('promo')]) {
      const requestId = newId('r');
      const promotion = aPromotion({ promotionId, name: requestId });
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => mustSucceed(createPromotionCall(h, promotion, { requestId }))),
      );
      expect(replies.filter(({ replayed }) => !replayed)).toHaveLength(1);
      expect(new Set(replies.map((reply) => reply.promotion?.promotionId)).size).toBe(1);
      expect(await h.db.query('SELECT id FROM promotions WHERE name = ?', [requestId])).toHaveLength(1);
    }
  });

  test('under an id that is taken is refused by its field, also when ten want it at once', async () => {
    const promotionId = newId('promo');
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => createPromotionCall(h, aPromotion({ promotionId }))),
    );
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    for (const reply of replies.filter(({ ok }) => !ok)) {
      expect(reply).toMatchObject({
        ...{ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: ['promotion.promotion_id'] },
      });
    }
    const { audit, events } = await readTraces(h, promotionId);
    expect([audit.length, events.length]).toEqual([1, 1]);
  });

  test('for a plan that does not exist, or that is not sold, is PLAN_NOT_FOUND and leaves nothing', async () => {
    const before = await promotionState(h);
    for (const planId of ['no-such-plan', 'basic']) {
      const refused = await createPromotionCall(h, aPromotion({ planIds: ['monthly', planId] }));
      expect(refused).toMatchObject({ code: 'NOT_FOUND', reason: 'PLAN_NOT_FOUND', metadata: { plan_id: planId } });
    }
    expect(await promotionState(h)).toEqual(before);
  });

  test('with malformed fields names each by its path and leaves nothing (lesson 1)', async () => {
    const before = await promotionState(h);
    const bad: readonly [Partial<Promotion>, readonly string[]][] = [
      [{ name: '' }, ['name']],
      [{ discountType: DiscountType.UNSPECIFIED }, ['discount_type']],
      [{ discountType: 99 as DiscountType }, ['discount_type']],
      [{ discountType: DiscountType.PERCENTAGE, discountValue: 101 }, ['discount_value']],
      [
        { discountValue: 0, maxDiscount: -1, minOrderAmount: -1 },
        ['discount_value', 'max_discount', 'min_order_amount'],
      ],
      [{ planIds: ['a', 'a'] }, ['plan_ids']],
      [{ totalQuota: 0, budget: -1 }, ['total_quota', 'budget']],
      [{ claimStartTime: inDays(2), claimEndTime: inDays(1) }, ['claim_end_time']],
      [{ couponValidDays: 0 }, ['coupon_expire_time']],
      [{ couponExpireTime: inDays(1) }, ['coupon_expire_time']],
      [{ couponExpireTime: inDays(-1), couponValidDays: 0 }, ['coupon_expire_time']],
      [{ promotionId: ' spaces ' }, ['promotion_id']],
    ];
    for (const [fields, names] of bad) {
      const reply = await createPromotionCall(h, aPromotion(fields));
      const seen = reply.ok ? 'ok' : { reason: reply.reason, fields: reply.fields };
      expect(seen).toEqual({ reason: 'INVALID_REQUEST', fields: names.map((name) => `promotion.${name}`) });
    }
    expect(await createPromotionCall(h, undefined)).toMatchObject({ fields: ['promotion'] });
    expect(await createPromotionCall(h, aPromotion(), { requestId: ' ' })).toMatchObject({ fields: ['request_id'] });
    expect(await promotionState(h)).toEqual(before);
  });
});
