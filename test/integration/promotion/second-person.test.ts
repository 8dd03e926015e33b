import { DiscountType, PromotionStatus, type Promotion } from '../../../src/gen/billing/v1/promotion_service.pb';
import { mustSucceed, type Identity } from '../../support/clients';
import { newId, startHarness, type Harness } from '../../support/harness';
import { makeDraft, promotionState, setStatusCall, updateCall } from '../../support/promotion-calls';

const { ACTIVE, PAUSED, ENDED } = PromotionStatus;
const LIMIT = 100_000;
const second = { as: 'operations-2' } as const;

/**
 * What may make an order free, or can cost more than the limit, comes before users only by two people: whoever created or
 * edited it since the other agreed is not the second.
 */
describe('a second person', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness({ PROMOTION_COST_LIMIT: String(LIMIT) });
  });
  afterAll(() => h.stop());

  const activate = (promotionId: string, as: Identity) => setStatusCall(h, promotionId, ACTIVE, { as });

  /** Checks that a call is refused for want of a second person, and changes nothing. */
  async function expectSecond(call: () => Promise<unknown>, promotionId: string): Promise<void> {
    const before = await promotionState(h);
    expect(await call()).toMatchObject({
      ...{ ok: false, code: 'PERMISSION_DENIED', reason: 'SECOND_PERSON_REQUIRED' },
      metadata: { promotion_id: promotionId },
    });
    expect(await promotionState(h)).toEqual(before);
  }

  const percent = { discountType: DiscountType.PERCENTAGE, discountValue: 10 };
  const needing: readonly [string, Partial<Promotion>][] = [
    ['may make an order free, however little it costs', { mayBeFree: true, discountValue: 1, totalQuota: 1 }],
    ['has a budget of a fen above the limit', { budget: LIMIT + 1, discountValue: 1, totalQuota: 1 }],
    ['can cost more than the limit by its stock', { discountValue: 1_000, totalQuota: 101 }],
    ['can cost more by its limit for each coupon', { discountValue: 9_000, maxDiscount: 1_000, totalQuota: 101 }],
    // 10 % of ¥99, the dearest plan, is ¥9.90.
    ['can cost more by the dearest plan', { ...percent, totalQuota: 102 }],
    ['can cost more than any number', { discountValue: 10 ** 12, totalQuota: 10 ** 12 }],
  ];
  test.each(needing)('activates what %s; its creator does not', async (_what, fields) => {
    const { promotionId } = await makeDraft(h, fields);
    await expectSecond(() => activate(promotionId, 'operations'), promotionId);
    expect((await mustSucceed(activate(promotionId, 'operations-2'))).promotion?.status).toBe(ACTIVE);
  });

  const alone: readonly [string, Partial<Promotion>][] = [
    ['a budget of just the limit, whatever its stock', { budget: LIMIT, totalQuota: 10 ** 9 }],
    ['a stock that can cost just the limit', { discountValue: 1_000, totalQuota: 100 }],
    ['a percentage that can cost just below it', { ...percent, totalQuota: 101 }],
    ['a percentage with a limit for each coupon', { ...percent, maxDiscount: 100, totalQuota: 1_000 }],
  ];
  test.each(alone)('is not needed for %s', async (_what, fields) => {
    const { promotionId } = await makeDraft(h, fields);
    await mustSucceed(activate(promotionId, 'operations'));
  });

  test('is nobody who has edited it, whoever edited it after that; naming what is there already is no edit', async () => {
    const { promotionId } = await makeDraft(h, { mayBeFree: true });
    await mustSucceed(updateCall(h, { promotionId, name: '新人立减 10 元' }, undefined, { as: 'operations-2' }));
    const looked = await makeDraft(h, { mayBeFree: true });
    await mustSucceed(updateCall(h, { promotionId: looked.promotionId, name: looked.name }, undefined, second));
    await mustSucceed(activate(looked.promotionId, 'operations-2'));

    // The second slips in terms of their own, and the first mends a typo after that.
    const slipped = await makeDraft(h);
    const evil = { promotionId: slipped.promotionId, mayBeFree: true, discountValue: 9_900, budget: 10 ** 12 };
    await mustSucceed(updateCall(h, evil, undefined, second));
    await mustSucceed(updateCall(h, { promotionId: slipped.promotionId, name: '再改' }));
    for (const as of ['operations', 'operations-2'] as const) {
      await expectSecond(() => activate(slipped.promotionId, as), slipped.promotionId);
    }
  });

  test('has agreed until somebody edits it: either resumes it then; the first may always pause and end it', async () => {
    const { promotionId } = await makeDraft(h, { mayBeFree: true });
    await mustSucceed(activate(promotionId, 'operations-2'));
    await mustSucceed(setStatusCall(h, promotionId, PAUSED));
    await mustSucceed(activate(promotionId, 'operations'));
    await mustSucceed(setStatusCall(h, promotionId, PAUSED));
    await mustSucceed(updateCall(h, { promotionId, name: '改过' }));
    await expectSecond(() => activate(promotionId, 'operations'), promotionId);
    await mustSucceed(activate(promotionId, 'operations-2'));
    await mustSucceed(setStatusCall(h, promotionId, ENDED));
  });

  test('agrees to what they have looked at: another revision is refused', async () => {
    const { promotionId, revision } = await makeDraft(h, { mayBeFree: true, discountValue: 1 });
    await mustSucceed(updateCall(h, { promotionId, discountValue: 9_900 }));
    const before = await promotionState(h);
    const stale = await setStatusCall(h, promotionId, ACTIVE, { as: 'operations-2', revision });
    expect(stale).toMatchObject({ ok: false, reason: 'INVALID_REQUEST', fields: ['revision'] });
    const late = await updateCall(h, { promotionId, name: '改过' }, undefined, { as: 'operations-2', revision });
    expect(late).toMatchObject({ ok: false, reason: 'INVALID_REQUEST', fields: ['revision'] });
    expect(await promotionState(h)).toEqual(before);
    await mustSucceed(setStatusCall(h, promotionId, ACTIVE, { as: 'operations-2', revision: revision + 1 }));
  });

  test('is not asked for where it stands already, nor for a repeat', async () => {
    const { promotionId } = await makeDraft(h, { mayBeFree: true });
    const by = { as: 'operations-2', requestId: newId('activate') } as const;
    await mustSucceed(setStatusCall(h, promotionId, ACTIVE, by));
    await mustSucceed(activate(promotionId, 'operations'));
    await mustSucceed(updateCall(h, { promotionId, name: '改过' }, undefined, { as: 'operations-2' }));
    expect((await mustSucceed(setStatusCall(h, promotionId, ACTIVE, by))).replayed).toBe(true);
  });

  test('agrees to a raise beyond the limit as well: nobody raises what users have before them', async () => {
    const { promotionId } = await makeDraft(h, { discountValue: 1_000, totalQuota: 100 });
    await mustSucceed(activate(promotionId, 'operations'));
    for (const as of ['operations', 'operations-2'] as const) {
      await expectSecond(() => updateCall(h, { promotionId, totalQuota: 101 }, undefined, { as }), promotionId);
      await expectSecond(() => updateCall(h, { promotionId, totalQuota: 10 ** 12 }, undefined, { as }), promotionId);
    }
    await mustSucceed(updateCall(h, { promotionId, totalQuota: 99, name: '减少' }));
    await mustSucceed(updateCall(h, { promotionId, totalQuota: 100 }));
    // Paused it is raised, and somebody else resumes it.
    await mustSucceed(setStatusCall(h, promotionId, PAUSED));
    await mustSucceed(updateCall(h, { promotionId, totalQuota: 101 }));
    await expectSecond(() => activate(promotionId, 'operations'), promotionId);
    await mustSucceed(activate(promotionId, 'operations-2'));

    // Whoever raises it is a first person, too.
    const limited = await makeDraft(h, { budget: LIMIT });
    await mustSucceed(activate(limited.promotionId, 'operations-2'));
    await mustSucceed(setStatusCall(h, limited.promotionId, PAUSED));
    const more = { promotionId: limited.promotionId, budget: LIMIT + 1 };
    await mustSucceed(updateCall(h, more, undefined, second));
    await expectSecond(() => activate(limited.promotionId, 'operations-2'), limited.promotionId);
    await mustSucceed(activate(limited.promotionId, 'operations'));
  });

  test('is asked for after everything else that is wrong (which refusal wins)', async () => {
    const { promotionId } = await makeDraft(h, { mayBeFree: true });
    await mustSucceed(activate(promotionId, 'operations-2'));
    const before = await promotionState(h);
    const frozen = await updateCall(h, { promotionId, totalQuota: 10_000, discountValue: 5 });
    expect(frozen).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['promotion.discount_value'] });
    expect(await promotionState(h)).toEqual(before);
    await mustSucceed(setStatusCall(h, promotionId, ENDED));
    expect(await activate(promotionId, 'operations')).toMatchObject({ reason: 'PROMOTION_NOT_ACTIVE' });
  });
});
