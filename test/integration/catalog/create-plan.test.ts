import { PlanKind, PlanStatus, type PlanTerms } from '../../../src/gen/billing/v1/catalog_service.pb';
import { PeriodUnit } from '../../../src/gen/billing/v1/membership_service.pb';
import {
  basic,
  catalogState,
  createPlanCall,
  DAY_MS,
  getPlanCall,
  makePlan,
  planStatusCall,
  tracesOf,
  yearly,
} from '../../support/catalog-calls';
import { call, mustSucceed } from '../../support/clients';
import { newId, registerUser, startHarness, type Harness } from '../../support/harness';
import { bound } from '../../support/malformed-fields';
import { quoteOrderCall } from '../../support/order-calls';

const CREATOR = 'spiffe://billing/operations/operations';

/** Plans are made without a release: the rows say everything. */
describe('CreatePlan', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const inDays = (days: number): Date => new Date(h.clock.now().getTime() + days * DAY_MS);
  const plansOnSale = async () => {
    const { plans } = await mustSucceed(
      call(bound(h.as('order-service').membership, 'listPlans'), { pageSize: 200, pageToken: '' }),
    );
    return plans;
  };

  test('makes an active plan with its first version, one audit row, one event and the key (R12.4)', async () => {
    const requestId = newId('r');
    const plan = await makePlan(h, { requestId, name: '年度会员 👕' });
    expect(plan).toMatchObject({ name: '年度会员 👕', kind: PlanKind.SALE, status: PlanStatus.ACTIVE });
    expect(plan.prices).toMatchObject([{ terms: yearly(), currency: 'CNY', validTo: undefined }]);
    expect((await mustSucceed(getPlanCall(h, plan.planId))).plan).toEqual(plan);
    const { audit, events } = await tracesOf(h, 'plan', plan.planId);
    expect(audit).toMatchObject([
      { action: 'CreatePlan', actor: CREATOR, user_id: null, cause: requestId, before_state: null },
    ]);
    expect(JSON.parse(String(audit[0]?.['after_state']))).toMatchObject({
      ...{ kind: 'sale', status: 'active', price: 99_900, grant_unit: 'month', features: yearly().features },
      feature_limits: ['image.upscale=1200'],
    });
    expect(events).toMatchObject([{ type: 'plan.created', user_id: null }]);
    const keys = await h.db.query('SELECT * FROM request_keys WHERE request_id = ?', [requestId]);
    expect(keys).toMatchObject([{ owner: `caller:${CREATOR}`, service: 'CatalogService', kind: 'CreatePlan' }]);
  });

  test('puts it on sale at once: ListPlans shows all that it sells, and it can be quoted', async () => {
    const { planId } = await makePlan(h);
    expect((await plansOnSale()).find((plan) => plan.planId === planId)).toEqual({
      ...{ planId, name: '年度会员', price: 99_900, listPrice: 118_800, currency: 'CNY', quotaUnits: 6_000 },
      ...{ periodUnit: PeriodUnit.YEAR, periodCount: 1, grantUnit: PeriodUnit.MONTH, grantCount: 1 },
      ...{ features: yearly().features, featureLimits: yearly().featureLimits },
    });
    const userId = await registerUser(h);
    expect(await mustSucceed(quoteOrderCall(h, { userId, planId }))).toMatchObject({ finalAmount: 99_900 });
  });

  test('announced for later, it is not on sale before its very instant', async () => {
    const validFrom = inDays(1);
    const { planId } = await makePlan(h, { validFrom });
    const userId = await registerUser(h);
    const refused = { ok: false, code: 'NOT_FOUND', reason: 'PLAN_NOT_FOUND' };
    expect(await quoteOrderCall(h, { userId, planId })).toMatchObject(refused);
    h.clock.advanceMs(DAY_MS);
    expect(await quoteOrderCall(h, { userId, planId })).toMatchObject({ ok: true });
  });

  test('gives what a basic plan has to everybody, and sells it to nobody', async () => {
    const userId = await registerUser(h);
    const feature = 'image.preview';
    const check = async () => {
      const request = { userId, feature, amount: 0 };
      return (await mustSucceed(call(bound(h.as('auditor').membership, 'checkEntitlement'), request))).allowed;
    };
    expect(await check()).toBe(false);
    const { planId } = await makePlan(h, { kind: PlanKind.BASIC, terms: basic({ features: [feature] }) });
    expect(await check()).toBe(true);
    expect(await quoteOrderCall(h, { userId, planId })).toMatchObject({ reason: 'PLAN_NOT_FOUND' });
    await mustSucceed(planStatusCall(h, planId, PlanStatus.RETIRED));
    expect(await check()).toBe(false);
  });

  test('keeps features sorted, so that the same plan in another order is the same request', async () => {
    const [requestId, planId] = [newId('r'), newId('plan')];
    const limits = ['image.upscale', 'image.generate'].map((feature) => ({ feature, units: 10 }));
    const terms = yearly({ features: ['image.upscale', 'image.generate'], featureLimits: limits });
    const { plan } = await mustSucceed(createPlanCall(h, { requestId, planId, terms }));
    const sorted = yearly({ featureLimits: [...limits].reverse() });
    expect(plan?.prices).toMatchObject([{ terms: sorted }]);
    const again = await mustSucceed(createPlanCall(h, { requestId, planId, terms: sorted }));
    expect(again).toEqual({ plan, replayed: true });
  });

  test('with the same id again makes nothing and shows the plan as it is now (lesson 8), however late', async () => {
    const [requestId, planId, validFrom] = [newId('r'), newId('plan'), inDays(1)];
    const first = await mustSucceed(createPlanCall(h, { requestId, planId, validFrom }));
    await mustSucceed(planStatusCall(h, planId, PlanStatus.RETIRED));
    h.clock.advanceMs(2 * DAY_MS);
    const before = await catalogState(h);
    const again = await mustSucceed(createPlanCall(h, { requestId, planId, validFrom }));
    expect(again).toEqual({ plan: { ...first.plan, status: PlanStatus.RETIRED }, replayed: true });
    expect(await catalogState(h)).toEqual(before);
  });

  test('with a used id and other content is REQUEST_ID_REUSED and changes nothing (lesson 6)', async () => {
    const [requestId, planId] = [newId('r'), newId('plan')];
    await mustSucceed(createPlanCall(h, { requestId, planId }));
    const before = await catalogState(h);
    const refused = await createPlanCall(h, { requestId, planId, terms: yearly({ quotaUnits: 5_999 }) });
    expect(refused).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    expect(await catalogState(h)).toEqual(before);
  });

  test('refuses an id that is taken; of twenty at once one makes it', async () => {
    const planId = newId('plan');
    const replies = await Promise.all(Array.from({ length: 20 }, () => createPlanCall(h, { planId })));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    for (const reply of replies.filter(({ ok }) => !ok)) {
      expect(reply).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['plan_id'] });
    }
    const before = await catalogState(h);
    expect(await createPlanCall(h, { planId: 'monthly' })).toMatchObject({ fields: ['plan_id'] });
    expect(await catalogState(h)).toEqual(before);
    expect(await h.db.query('SELECT 1 FROM plan_prices WHERE plan_id = ?', [planId])).toHaveLength(1);
  });

  test.each<[string, Partial<PlanTerms>, string[]]>([
    ['a free plan on sale', { price: 0 }, ['terms.price']],
    ['a negative price', { price: -1 }, ['terms.price']],
    ['a list price below it', { listPrice: 1 }, ['terms.list_price']],
    ['no period', { periodUnit: PeriodUnit.UNSPECIFIED }, ['terms.period_unit']],
    ['an unknown unit', { periodUnit: 9 as PeriodUnit }, ['terms.period_unit']],
    ['no count', { periodCount: 0 }, ['terms.period_count']],
    ['eleven years', { periodCount: 11 }, ['terms.period_count']],
    ['an unknown interval', { grantUnit: 9 as PeriodUnit }, ['terms.grant_unit']],
    ['days in a year', { grantUnit: PeriodUnit.DAY }, ['terms.grant_unit']],
    ['an interval that does not divide it', { grantCount: 5 }, ['terms.grant_count']],
    ['half an interval', { grantCount: 0 }, ['terms.grant_count']],
    ['no tax rate', { taxRateBasisPoints: undefined }, ['terms.tax_rate_basis_points']],
    ['a feature with a capital', { features: ['Image'] }, ['terms.features[0]', 'terms.feature_limits']],
    ['a feature twice', { features: ['a', 'a'] }, ['terms.features', 'terms.feature_limits']],
    [
      'a limit of nothing',
      { featureLimits: [{ feature: 'image.upscale', units: 0 }] },
      ['terms.feature_limits[0].units'],
    ],
    ['a limit on what it has not', { featureLimits: [{ feature: 'other', units: 1 }] }, ['terms.feature_limits']],
    ['several at once', { price: -1, quotaUnits: -1 }, ['terms.price', 'terms.quota_units']],
  ])('refuses %s, names the field and changes nothing', async (_what, changes, fields) => {
    const before = await catalogState(h);
    const reply = await createPlanCall(h, { terms: { ...yearly(), ...changes } });
    expect(reply).toMatchObject({ ok: false, code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
    const named = reply.ok ? [] : reply.fields;
    // What holds between fields is judged once each of them is right.
    expect(named).toEqual(named.length === 1 ? fields.slice(0, 1) : fields);
    expect(await catalogState(h)).toEqual(before);
  });

  test('refuses a basic plan that costs, gives or limits anything', async () => {
    const before = await catalogState(h);
    const reply = await createPlanCall(h, { kind: PlanKind.BASIC, terms: yearly() });
    expect(reply).toMatchObject({
      fields: ['price', 'list_price', 'quota_units', 'grant_unit', 'feature_limits'].map((field) => `terms.${field}`),
    });
    expect(await catalogState(h)).toEqual(before);
  });

  test('refuses a start in the past and one more than 366 days ahead', async () => {
    const before = await catalogState(h);
    for (const validFrom of [inDays(-1), inDays(367), new Date('9999-01-01T00:00:00Z')]) {
      expect(await createPlanCall(h, { validFrom })).toMatchObject({
        reason: 'INVALID_REQUEST',
        fields: ['valid_from'],
      });
    }
    expect(await catalogState(h)).toEqual(before);
  });
});
