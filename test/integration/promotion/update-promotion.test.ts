import { DiscountType, PromotionStatus, type Promotion } from '../../../src/gen/billing/v1/promotion_service.pb';
import { mustSucceed } from '../../support/clients';
import { newId, registerUser, startHarness, type Harness } from '../../support/harness';
import { createOrderCall } from '../../support/order-calls';
import {
  aPromotion,
  getPromotionCall,
  makeActive,
  makeDraft,
  promotionState,
  readTraces,
  setStatusCall,
  updateCall,
} from '../../support/promotion-calls';
import { claim } from '../../support/promotions';

const DAY_MS = 86_400_000;
const { ACTIVE, ENDED, PAUSED } = PromotionStatus;

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

const inDays = (days: number): Date => new Date(h.clock.now().getTime() + days * DAY_MS);

/** Checks that an update is refused for these fields and changes nothing (lesson 1). */
async function expectRefused(fields: Partial<Promotion>, mask: string[] | undefined, paths: readonly string[]) {
  const before = await promotionState(h);
  const reply = await updateCall(h, fields, mask);
  expect(reply).toMatchObject({ ok: false, code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: paths });
  expect(await promotionState(h)).toEqual(before);
}

describe('UpdatePromotion of a draft', () => {
  test('changes what is set, notes who edited it, and says in the audit row what was and what is', async () => {
    const { promotionId, ...made } = await makeDraft(h);
    const requestId = newId('r');
    const fields = { promotionId, name: '新名字', discountValue: 2_000, mayBeFree: true };
    const { promotion, replayed } = await mustSucceed(
      updateCall(h, fields, undefined, { requestId, as: 'operations-2' }),
    );
    expect(promotion).toEqual({ ...made, ...fields, revision: 2 });
    expect(replayed).toBe(false);
    const { row, audit, events } = await readTraces(h, promotionId);
    const editor = 'spiffe://billing/operations/operations-2';
    const creator = 'spiffe://billing/operations/operations';
    expect(row).toMatchObject({ editors: JSON.stringify([creator, editor]), created_by: creator });
    expect(audit[1]).toMatchObject({ action: 'UpdatePromotion', actor: editor, cause: requestId, user_id: null });
    expect(JSON.parse(String(audit[1]?.['before_state']))).toEqual({
      ...{ name: made.name, discount_value: 1_000, may_be_free: false },
    });
    expect(JSON.parse(String(audit[1]?.['after_state']))).toEqual({
      ...{ name: '新名字', discount_value: 2_000, may_be_free: true },
    });
    expect(events[1]).toMatchObject({ type: 'promotion.updated', user_id: null });
    expect(JSON.parse(String(events[1]?.['payload']))).toEqual({
      ...{ promotion_id: promotionId, changed: ['discount_value', 'may_be_free', 'name'] },
    });
  });

  test('with a mask changes what is named and nothing else, and can set a field to nothing', async () => {
    const times = {
      claimStartTime: inDays(1),
      claimEndTime: inDays(2),
      couponExpireTime: inDays(3),
      couponValidDays: 0,
    };
    const { promotionId, ...made } = await makeDraft(h, { ...times, budget: 50, planIds: ['monthly'] });
    const mask = ['claim_end_time', 'coupon_expire_time', 'coupon_valid_days', 'budget', 'plan_ids'];
    const { promotion } = await mustSucceed(
      updateCall(h, { promotionId, couponValidDays: 7, name: 'not named', mayBeFree: true }, mask),
    );
    const emptied = { claimEndTime: undefined, couponExpireTime: undefined, budget: 0, planIds: [] };
    expect(promotion).toEqual({ ...made, promotionId, ...emptied, couponValidDays: 7, revision: 2 });
  });

  test('may change every field but its id', async () => {
    const { promotionId } = await makeDraft(h);
    const fields = {
      ...{ name: '全部', discountType: DiscountType.PERCENTAGE, discountValue: 20, maxDiscount: 5, minOrderAmount: 6 },
      ...{ planIds: ['monthly'], totalQuota: 7, budget: 8, claimStartTime: inDays(1), claimEndTime: inDays(2) },
      ...{ couponValidDays: 9, newUsersOnly: true, mayBeFree: true, returnedOnRefund: true },
    };
    const { promotion } = await mustSucceed(updateCall(h, { promotionId, ...fields }));
    expect(promotion).toMatchObject(fields);
  });

  test('to what it is already changes nothing and leaves no trace: who edited it last stays', async () => {
    const made = await makeDraft(h, { planIds: ['monthly'] });
    const before = await readTraces(h, made.promotionId);
    const { promotion } = await mustSucceed(updateCall(h, made, undefined, { as: 'operations-2' }));
    expect(promotion).toEqual(made);
    await mustSucceed(updateCall(h, made, ['name', 'total_quota', 'claim_end_time'], { as: 'operations-2' }));
    expect(await readTraces(h, made.promotionId)).toEqual(before);
  });

  test('that is repeated changes nothing more, and shows the promotion as it is now (lesson 8)', async () => {
    const { promotionId } = await makeDraft(h);
    const requestId = newId('r');
    const first = { promotionId, name: 'first' };
    await mustSucceed(updateCall(h, first, undefined, { requestId }));
    await mustSucceed(updateCall(h, { promotionId, name: 'second' }));
    const before = await promotionState(h);
    const again = await mustSucceed(updateCall(h, first, undefined, { requestId }));
    expect([again.promotion?.name, again.replayed]).toEqual(['second', true]);
    // The same fields by a mask are the same content; other fields are not.
    expect((await mustSucceed(updateCall(h, first, ['name'], { requestId }))).replayed).toBe(true);
    for (const mask of [['name', 'budget'], ['total_quota']]) {
      const other = await updateCall(h, { ...first, totalQuota: 5 }, mask, { requestId });
      expect(other).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    }
    expect(await promotionState(h)).toEqual(before);
  });

  test('is refused for fields that are malformed, or that do not go with what is stored', async () => {
    const { promotionId } = await makeDraft(h, { claimStartTime: inDays(5) });
    await expectRefused({ promotionId, discountValue: -1, totalQuota: -1 }, undefined, [
      ...['promotion.discount_value', 'promotion.total_quota'],
    ]);
    await expectRefused({ promotionId }, ['name'], ['promotion.name']);
    await expectRefused({ promotionId }, ['discount_type'], ['promotion.discount_type']);
    await expectRefused({ promotionId, claimEndTime: inDays(4) }, undefined, ['promotion.claim_end_time']);
    await expectRefused({ promotionId, couponExpireTime: inDays(9) }, undefined, ['promotion.coupon_expire_time']);
    await expectRefused({ promotionId }, ['coupon_valid_days'], ['promotion.coupon_valid_days']);
    await expectRefused({ promotionId, discountType: DiscountType.PERCENTAGE }, undefined, ['promotion.discount_type']);
    const past = { promotionId, couponExpireTime: inDays(-1) };
    await expectRefused(past, ['coupon_expire_time', 'coupon_valid_days'], ['promotion.coupon_expire_time']);
  });

  test('is refused for a mask that names what is read only or unknown', async () => {
    const { promotionId } = await makeDraft(h);
    const readOnly = ['promotion_id', 'status', 'claimed_count', 'budget_used', 'created_by', 'create_time'];
    for (const path of [...readOnly, 'editors', 'revision', 'no_such', '*', '', 'totalQuota', 'promotion.name']) {
      await expectRefused({ promotionId, name: 'x' }, ['name', path], ['update_mask']);
    }
  });

  test('for a plan that is not there is PLAN_NOT_FOUND; of an unknown promotion PROMOTION_NOT_FOUND', async () => {
    const { promotionId } = await makeDraft(h);
    const before = await promotionState(h);
    expect(await updateCall(h, { promotionId, planIds: ['none'] })).toMatchObject({
      ...{ code: 'NOT_FOUND', reason: 'PLAN_NOT_FOUND', metadata: { plan_id: 'none' } },
    });
    expect(await updateCall(h, { promotionId: 'no-such', name: 'x' })).toMatchObject({
      ...{ code: 'NOT_FOUND', reason: 'PROMOTION_NOT_FOUND', metadata: { promotion_id: 'no-such' } },
    });
    expect(await updateCall(h, { name: 'x' })).toMatchObject({ fields: ['promotion.promotion_id'] });
    expect(await promotionState(h)).toEqual(before);
  });
});

describe('UpdatePromotion after draft', () => {
  test.each([
    ['active', [ACTIVE]],
    ['paused', [ACTIVE, PAUSED]],
  ] as const)('changes name, stock, budget and end of claims of one that is %s', async (_name, way) => {
    const { promotionId } = await makeDraft(h, { budget: 5_000 });
    for (const status of way) await mustSucceed(setStatusCall(h, promotionId, status));
    const fields = { name: '延长', totalQuota: 11, budget: 6_000, claimEndTime: inDays(1) };
    expect((await mustSucceed(updateCall(h, { promotionId, ...fields }))).promotion).toMatchObject(fields);
    const less = { totalQuota: 1, budget: 1 };
    expect((await mustSucceed(updateCall(h, { promotionId, ...less }))).promotion).toMatchObject(less);
    const open = await mustSucceed(updateCall(h, { promotionId }, ['claim_end_time']));
    expect(open.promotion?.claimEndTime).toBeUndefined();
  });

  test('refuses every term that its coupons were claimed under (R13.1), each by its path', async () => {
    const promotionId = await makeActive(h);
    const before = await mustSucceed(getPromotionCall(h, promotionId));
    const frozen: readonly [Partial<Promotion>, string][] = [
      [{ discountType: DiscountType.PERCENTAGE }, 'discount_type'],
      [{ discountValue: 1_001 }, 'discount_value'],
      [{ maxDiscount: 1 }, 'max_discount'],
      [{ minOrderAmount: 1 }, 'min_order_amount'],
      [{ planIds: ['monthly'] }, 'plan_ids'],
      [{ claimStartTime: inDays(1) }, 'claim_start_time'],
      [{ couponValidDays: 31 }, 'coupon_valid_days'],
      [{ newUsersOnly: true }, 'new_users_only'],
      [{ mayBeFree: true }, 'may_be_free'],
      [{ returnedOnRefund: true }, 'returned_on_refund'],
      [{ budget: 1 }, 'budget'],
    ];
    for (const [fields, name] of frozen) {
      await expectRefused({ promotionId, name: 'x', ...fields }, undefined, [`promotion.${name}`]);
    }
    expect((await mustSucceed(getPromotionCall(h, promotionId))).promotion).toEqual(before.promotion);
  });

  test('takes a whole promotion back as it was given out, with one field changed', async () => {
    const promotionId = await makeActive(h, { couponValidDays: 0, couponExpireTime: inDays(2) });
    const { promotion: read } = await mustSucceed(getPromotionCall(h, promotionId));
    h.clock.advanceMs(3 * DAY_MS);
    // Its coupons have expired meanwhile: that is not this change's doing.
    const { promotion } = await mustSucceed(updateCall(h, { ...read, name: '新名字' }));
    expect(promotion).toEqual({ ...read, name: '新名字', revision: Number(read?.revision) + 1 });
  });

  test('never goes below what is claimed and used, nor gains or loses a budget (R13.4)', async () => {
    const promotionId = await makeActive(h, { budget: 5_000 });
    for (let n = 0; n < 2; n += 1) {
      const userId = await registerUser(h);
      const { couponId } = await claim(h, userId, promotionId);
      await mustSucceed(createOrderCall(h, { userId, couponId }));
    }
    const used = { claimedCount: 2, budgetUsed: 2_000 };
    expect((await mustSucceed(getPromotionCall(h, promotionId))).promotion).toMatchObject(used);
    await expectRefused({ promotionId, totalQuota: 1 }, undefined, ['promotion.total_quota']);
    await expectRefused({ promotionId, budget: 1_999 }, undefined, ['promotion.budget']);
    await expectRefused({ promotionId }, ['budget'], ['promotion.budget']);
    await expectRefused({ promotionId, budget: 1, totalQuota: 1 }, undefined, [
      ...['promotion.budget', 'promotion.total_quota'],
    ]);
    const least = { totalQuota: 2, budget: 2_000 };
    expect((await mustSucceed(updateCall(h, { promotionId, ...least }))).promotion).toMatchObject(least);
  });

  test('lets the claims not end after the coupons do', async () => {
    const promotionId = await makeActive(h, { couponValidDays: 0, couponExpireTime: inDays(2) });
    await expectRefused({ promotionId, claimEndTime: inDays(3) }, undefined, ['promotion.claim_end_time']);
  });

  test('of an ended one is PROMOTION_NOT_ACTIVE, whatever is asked, and changes nothing', async () => {
    const promotionId = await makeActive(h);
    await mustSucceed(setStatusCall(h, promotionId, ENDED));
    const before = await promotionState(h);
    for (const fields of [{ name: 'x' }, { discountValue: 5 }, aPromotion()]) {
      expect(await updateCall(h, { ...fields, promotionId })).toMatchObject({
        ...{ code: 'FAILED_PRECONDITION', reason: 'PROMOTION_NOT_ACTIVE' },
        metadata: { promotion_id: promotionId, status: 'ended' },
      });
    }
    expect(await promotionState(h)).toEqual(before);
  });

  test('waits for claims that are under way: the stock never falls below what they took (lesson 33)', async () => {
    const promotionId = await makeActive(h, { totalQuota: 20 });
    const users = await Promise.all(Array.from({ length: 20 }, () => registerUser(h)));
    const claims = users.map((userId) =>
      claim(h, userId, promotionId)
        .then(() => 1)
        .catch(() => 0),
    );
    const cuts = Array.from({ length: 10 }, (_, i) => updateCall(h, { promotionId, totalQuota: 5 + i }));
    const claimed = (await Promise.all(claims)).reduce<number>((sum, one) => sum + one, 0);
    await Promise.all(cuts);
    const { promotion } = await mustSucceed(getPromotionCall(h, promotionId));
    expect(promotion?.claimedCount).toBe(claimed);
    expect(promotion?.totalQuota).toBeGreaterThanOrEqual(claimed);
  });
});
