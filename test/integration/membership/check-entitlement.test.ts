import { EntitlementRemedy, type CheckEntitlementResponse } from '../../../src/gen/billing/v1/membership_service.pb';
import { checkEntitlement } from '../../../src/membership/check-entitlement';
import { call, mustSucceed } from '../../support/clients';
import { openEntitlementStage, type EntitlementStage } from '../../support/entitlement-stage';
import { consume, registerMember, registerUser, startHarness, type Harness } from '../../support/harness';
import { readUserRows } from '../../support/user-rows';

const DAY_MS = 86_400_000;

describe('CheckEntitlement', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const check = async (userId: string, feature: string, amount: number): Promise<CheckEntitlementResponse> => {
    const { membership } = h.as('auditor');
    return mustSucceed(call(membership.checkEntitlement.bind(membership), { userId, feature, amount }));
  };

  test('says whether, and if not why and what helps, and changes nothing', async () => {
    const userId = await registerUser(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 4 }));
    const before = await readUserRows(h.db, userId);
    const allowed = { allowed: true, reason: '', why: '', remedy: EntitlementRemedy.UNSPECIFIED, planIds: [] };
    const buy = { remedy: EntitlementRemedy.BUY_MEMBERSHIP, planIds: expect.arrayContaining(['monthly']) as unknown };
    const notEntitled = { allowed: false, reason: 'FEATURE_NOT_ENTITLED', why: 'not_in_plan' };
    const cases = [
      ['image.generate', 6, allowed],
      ['image.generate', 0, allowed],
      ['image.generate', 7, { allowed: false, reason: 'QUOTA_INSUFFICIENT', why: '', ...buy }],
      ['image.upscale', 1, { ...notEntitled, ...buy }],
      ['image.upscale', 7, { ...notEntitled, ...buy }],
      ['no.such.feature', 0, { ...notEntitled, remedy: EntitlementRemedy.UNSPECIFIED, planIds: [] }],
    ] as const;
    for (const [feature, amount, answer] of cases) {
      expect(await check(userId, feature, amount)).toMatchObject({ ...answer, quotaRemaining: 6, limit: 0, used: 0 });
    }
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('allows a member what the plan has, until the membership ends; then it is to be renewed', async () => {
    const { userId } = await registerMember(h);
    expect(await check(userId, 'image.upscale', 510)).toMatchObject({ allowed: true });
    h.clock.advanceMs(31 * DAY_MS + 1);
    const answer = await check(userId, 'image.upscale', 1);
    expect(answer).toMatchObject({ allowed: false, reason: 'FEATURE_NOT_ENTITLED', quotaRemaining: 0 });
    expect([answer.remedy, answer.planIds[0]]).toEqual([EntitlementRemedy.RENEW_MEMBERSHIP, 'monthly']);
  });
});

describe('an entitlement check', () => {
  let stage: EntitlementStage;
  beforeAll(async () => {
    stage = await openEntitlementStage(3);
    stage.shop.at('2027-03-01T04:00:00.000Z');
    await stage.list('upscale', { units: 2, feature: 'image.upscale' });
    await stage.shop.db.query("UPDATE plans SET status = 'retired' WHERE kind = 'sale'");
  });
  afterAll(() => stage.close());

  const check = (userId: string, feature: string, amount: number) =>
    checkEntitlement(stage.shop.pool, userId, feature, amount, stage.shop.clock.now());

  test('and the consume after it agree on a limit: what it allows, what was used, what comes back', async () => {
    const { shop } = stage;
    const userId = await shop.register();
    const planId = await shop.plan({ periodUnit: 'month', quotaUnits: 100, featureLimits: { 'image.upscale': 3 } });
    await shop.buy(userId, planId);
    const seen = async (amount: number) => {
      const { allowed, why, limit } = await check(userId, 'image.upscale', amount);
      return [allowed, why, limit?.units, limit?.used];
    };
    expect(await seen(3)).toEqual([true, '', 3, 0]);
    expect(await seen(4)).toEqual([false, 'limit_reached', 3, 0]);
    expect(await stage.take(userId, 'upscale', 2, { requestId: 'c-1' })).toBe('ok');
    expect(await seen(1)).toEqual([true, '', 3, 2]);
    expect(await seen(2)).toEqual([false, 'limit_reached', 3, 2]);
    expect(await stage.take(userId, 'upscale', 2)).toMatch(/limit_reached limit=3 used=2/);
    // Nothing is asked for: whether anything is left.
    expect(await seen(0)).toEqual([true, '', 3, 2]);
    // What is used is not judged in a place that has no limit.
    expect(await check(userId, 'image.generate', 1)).toMatchObject({ allowed: true, limit: undefined });
  });

  test('tells when units come next, and that waiting helps where they suffice then', async () => {
    const { shop } = stage;
    const userId = await shop.register();
    await shop.buy(userId, await shop.plan({ quotaUnits: 1_200 }));
    const [period] = await shop.periods(userId);
    const nextGrantTime = period?.['next_grant_time'];
    expect(await check(userId, 'image.upscale', 110)).toMatchObject({ allowed: true, nextGrantTime });
    expect(await stage.take(userId, '', 60)).toBe('ok');
    // The month's 100 units and the 10 of the registration: what is left of the month ends as the next are given.
    const expected = { reason: 'QUOTA_INSUFFICIENT', remedy: { kind: 'wait_for_grant' }, nextGrantTime };
    expect(await check(userId, 'image.upscale', 100)).toMatchObject(expected);
    expect((await check(userId, 'image.upscale', 111)).remedy).toEqual({ kind: 'none' });
  });

  test('tells a member who bought a plan with the feature ahead when that begins', async () => {
    const { shop } = stage;
    const userId = await shop.register();
    await shop.buy(userId, await shop.plan({ periodUnit: 'month', features: ['image.matting'] }));
    await shop.buy(userId, await shop.plan({ periodUnit: 'month', features: ['video.generate'] }));
    const [, second] = await shop.periods(userId);
    expect(await check(userId, 'video.generate', 1)).toMatchObject({
      ...{ allowed: false, why: 'not_in_plan' },
      remedy: { kind: 'wait_for_period', availableTime: second?.['start_time'] },
    });
    const other = await shop.register();
    const planId = await shop.plan({ periodUnit: 'month', features: ['image.matting'], price: 1 });
    await shop.buy(other, planId);
    const { remedy } = await check(other, 'video.generate', 1);
    expect(remedy).toMatchObject({ kind: 'upgrade' });
  });

  test('allows the days of grace what it allowed before, and then says: renew', async () => {
    const { shop } = stage;
    const userId = await shop.register();
    const planId = await shop.plan({ periodUnit: 'day', quotaUnits: 5, price: 7 });
    await shop.buy(userId, planId);
    const [period] = await shop.periods(userId);
    const endMs = (period?.['end_time'] as Date).getTime();
    shop.clock.stopAt(new Date(endMs + 3 * DAY_MS - 1));
    expect(await check(userId, 'image.upscale', 1)).toMatchObject({ allowed: true });
    shop.clock.stopAt(new Date(endMs + 3 * DAY_MS));
    const { allowed, remedy } = await check(userId, 'image.upscale', 1);
    expect([allowed, remedy.kind, 'planIds' in remedy && remedy.planIds[0]]).toEqual([false, 'renew', planId]);
  });
});
