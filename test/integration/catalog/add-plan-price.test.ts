import { PlanKind, PlanStatus } from '../../../src/gen/billing/v1/catalog_service.pb';
import {
  addPriceCall,
  basic,
  catalogState,
  DAY_MS,
  getPlanCall,
  listCatalogCall,
  makePlan,
  planStatusCall,
  soldState,
  tracesOf,
  yearly,
} from '../../support/catalog-calls';
import { mustSucceed } from '../../support/clients';
import { newId, registerUser, startHarness, type Harness } from '../../support/harness';
import { brokenInvariants } from '../../support/invariants';
import { createOrderCall, quoteOrderCall } from '../../support/order-calls';
import { untilAnswered } from '../../support/until-answered';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(async () => {
  // Whatever was added meanwhile.
  expect((await brokenInvariants(h.db)).filter((one) => 'id' in one && one.id === 'INV-41')).toEqual([]);
  await h.stop();
});

const inDays = (days: number): Date => new Date(h.clock.now().getTime() + days * DAY_MS);

/** [valid_from, valid_to) of a plan's versions, oldest first. */
async function validitiesOf(planId: string): Promise<(Date | undefined)[][]> {
  const { plan } = await mustSucceed(getPlanCall(h, planId));
  return (plan?.prices ?? []).map(({ validFrom, validTo }) => [validFrom, validTo]).reverse();
}

/** Lesson 24, polar#11427: what is changed in the catalogue touches nothing that was sold. */
describe('AddPlanPrice', () => {
  test('ends the version before at its start: no gap, no overlap; audited, one event', async () => {
    const { planId, prices } = await makePlan(h);
    const [requestId, validFrom] = [newId('r'), inDays(10)];
    const terms = yearly({ price: 89_900 });
    const { plan, replayed } = await mustSucceed(addPriceCall(h, planId, { requestId, terms, validFrom }));
    expect(replayed).toBe(false);
    expect(plan?.prices).toMatchObject([
      { terms, validFrom, validTo: undefined },
      { ...prices[0], validTo: validFrom },
    ]);
    const { audit, events } = await tracesOf(h, 'plan', planId);
    expect(audit).toMatchObject([{}, { action: 'AddPlanPrice', cause: requestId }]);
    expect(JSON.parse(String(audit[1]?.['before_state']))).toEqual({ ended_plan_price_id: prices[0]?.planPriceId });
    expect(JSON.parse(String(audit[1]?.['after_state']))).toMatchObject({
      price: 89_900,
      valid_from: validFrom.toISOString(),
    });
    expect(events.map(({ type }) => type)).toEqual(['plan.created', 'plan.price_added']);
  });

  test('sells at the old price until the very instant, and at the new one from it on', async () => {
    const { planId } = await makePlan(h);
    const userId = await registerUser(h);
    const quote = async () => (await mustSucceed(quoteOrderCall(h, { userId, planId }))).finalAmount;
    await mustSucceed(addPriceCall(h, planId, { terms: yearly({ price: 1_000 }), validFrom: inDays(1) }));
    expect(await quote()).toBe(99_900);
    h.clock.advanceMs(DAY_MS);
    expect(await quote()).toBe(1_000);
    await mustSucceed(addPriceCall(h, planId, { terms: yearly({ price: 2_000 }) }));
    expect(await quote()).toBe(2_000);
  });

  test('touches no order, period or lot that is there; an order made before is paid and gives what it sold', async () => {
    const { planId } = await makePlan(h);
    const [member, buyer] = [await registerUser(h), await registerUser(h)];
    const { order: paid } = await mustSucceed(createOrderCall(h, { userId: member, planId }));
    await h.control('/_control/pay', { order_id: paid?.orderId });
    const { order: open } = await mustSucceed(createOrderCall(h, { userId: buyer, planId }));
    const before = await soldState(h);
    const terms = yearly({ price: 1, quotaUnits: 12, features: ['image.generate'], featureLimits: [] });
    await mustSucceed(addPriceCall(h, planId, { terms }));
    await mustSucceed(planStatusCall(h, planId, PlanStatus.RETIRED));
    expect(await soldState(h)).toEqual(before);
    await h.control('/_control/pay', { order_id: open?.orderId });
    const [row] = await h.db.query('SELECT * FROM orders WHERE id = ?', [open?.orderId]);
    expect(row).toMatchObject({ status: 'paid', final_amount: 99_900, quota_units: 6_000 });
    expect(JSON.parse(String(row?.['features']))).toEqual(yearly().features);
    const [period] = await h.db.query('SELECT * FROM membership_periods WHERE order_id = ?', [open?.orderId]);
    expect(period).toMatchObject({ quota_units: 6_000, plan_id: planId });
  });

  test('of ten at once leaves versions that follow each other without gap or overlap (lesson 29)', async () => {
    const { planId } = await makePlan(h);
    const { catalog } = h.as('operations');
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, n) => {
        const fields = { requestId: newId('r'), terms: yearly({ price: 1_000 + n }), validFrom: inDays(n + 1) };
        return untilAnswered(
          catalog,
          () => addPriceCall(h, planId, fields),
          () => undefined,
        );
      }),
    );
    const outcomes = replies.map((reply) => (reply.ok ? 'added' : `${reply.reason} ${reply.fields.join()}`));
    expect(outcomes.filter((outcome) => outcome !== 'INVALID_REQUEST valid_from' && outcome !== 'added')).toEqual([]);
    const added = outcomes.filter((outcome) => outcome === 'added').length;
    expect(added).toBeGreaterThan(0);
    const validities = await validitiesOf(planId);
    expect(validities).toHaveLength(added + 1);
    for (const [i, [, end]] of validities.entries()) expect(end).toEqual(validities[i + 1]?.[0]);
  });

  test('with the same id again changes nothing; with other content it is REQUEST_ID_REUSED (lessons 6, 8)', async () => {
    const { planId } = await makePlan(h);
    const fields = { requestId: newId('r'), validFrom: inDays(1) };
    const first = await mustSucceed(addPriceCall(h, planId, fields));
    h.clock.advanceMs(2 * DAY_MS);
    const before = await catalogState(h);
    expect(await mustSucceed(addPriceCall(h, planId, fields))).toEqual({ plan: first.plan, replayed: true });
    expect(await addPriceCall(h, planId, { ...fields, terms: yearly({ price: 1 }) })).toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
    expect(await catalogState(h)).toEqual(before);
  });

  test('refuses a time that is past, taken, before another version, or too far ahead, and changes nothing', async () => {
    const { planId } = await makePlan(h);
    const announced = inDays(10);
    await mustSucceed(addPriceCall(h, planId, { validFrom: announced }));
    const before = await catalogState(h);
    for (const validFrom of [inDays(-1), inDays(5), announced, inDays(367), undefined]) {
      expect(await addPriceCall(h, planId, { validFrom })).toMatchObject({
        ...{ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: ['valid_from'] },
      });
    }
    expect(await catalogState(h)).toEqual(before);
    const next = new Date(announced.getTime() + 1);
    await mustSucceed(addPriceCall(h, planId, { validFrom: next }));
  });

  test('refuses an unknown plan, and terms that are not for its kind', async () => {
    const { planId } = await makePlan(h, { kind: PlanKind.BASIC, terms: basic() });
    const before = await catalogState(h);
    expect(await addPriceCall(h, 'no-such')).toMatchObject({
      ...{ code: 'NOT_FOUND', reason: 'PLAN_NOT_FOUND', metadata: { plan_id: 'no-such' } },
    });
    const reply = await addPriceCall(h, planId, { terms: yearly() });
    expect(reply).toMatchObject({ reason: 'INVALID_REQUEST' });
    expect(reply.ok ? [] : reply.fields).toContain('terms.price');
    expect(await catalogState(h)).toEqual(before);
    await mustSucceed(addPriceCall(h, planId, { terms: basic({ features: ['image.preview'] }) }));
  });
});

describe('SetPlanStatus', () => {
  test('takes a plan off sale and offers it again, each audited with one event; the same status again is no change', async () => {
    const { planId } = await makePlan(h);
    const userId = await registerUser(h);
    const retired = await mustSucceed(planStatusCall(h, planId, PlanStatus.RETIRED));
    expect(retired).toMatchObject({ plan: { planId, status: PlanStatus.RETIRED }, replayed: false });
    expect(await createOrderCall(h, { userId, planId })).toMatchObject({ reason: 'PLAN_NOT_FOUND' });
    await mustSucceed(planStatusCall(h, planId, PlanStatus.RETIRED));
    await mustSucceed(planStatusCall(h, planId, PlanStatus.ACTIVE));
    await mustSucceed(createOrderCall(h, { userId, planId }));
    const { audit, events } = await tracesOf(h, 'plan', planId);
    expect(
      audit.map((row) => [row['action'], (JSON.parse(String(row['after_state'])) as { status: string }).status]),
    ).toEqual([
      ['CreatePlan', 'active'],
      ['SetPlanStatus', 'retired'],
      ['SetPlanStatus', 'active'],
    ]);
    expect(events.map(({ type }) => type)).toEqual(['plan.created', 'plan.retired', 'plan.active']);
  });

  test('repeats under its id, refuses other content under it, and an unknown plan', async () => {
    const { planId } = await makePlan(h);
    const requestId = newId('r');
    await mustSucceed(planStatusCall(h, planId, PlanStatus.RETIRED, requestId));
    await mustSucceed(planStatusCall(h, planId, PlanStatus.ACTIVE));
    const before = await catalogState(h);
    expect(await mustSucceed(planStatusCall(h, planId, PlanStatus.RETIRED, requestId))).toMatchObject({
      ...{ replayed: true, plan: { status: PlanStatus.ACTIVE } },
    });
    expect(await planStatusCall(h, planId, PlanStatus.ACTIVE, requestId)).toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
    expect(await planStatusCall(h, 'no-such', PlanStatus.ACTIVE)).toMatchObject({ reason: 'PLAN_NOT_FOUND' });
    expect(await catalogState(h)).toEqual(before);
  });
});

describe('GetPlan and ListCatalog', () => {
  test('show plans of every kind and status with all their versions, page by page', async () => {
    const { planId } = await makePlan(h, { planId: `0-${newId('plan')}` });
    await mustSucceed(addPriceCall(h, planId, { validFrom: inDays(1) }));
    await mustSucceed(planStatusCall(h, planId, PlanStatus.RETIRED));
    const seen = [];
    for (let token = ''; ;) {
      const page = await mustSucceed(listCatalogCall(h, 2, token));
      expect(page.plans.length).toBeLessThanOrEqual(2);
      seen.push(...page.plans);
      token = page.nextPageToken;
      if (token === '') break;
    }
    const stored = (await h.db.query('SELECT id FROM plans ORDER BY id')).map(({ id }) => id);
    expect(seen.map((plan) => plan.planId)).toEqual(stored);
    const one = seen.find((plan) => plan.planId === planId);
    expect(one).toMatchObject({ status: PlanStatus.RETIRED, kind: PlanKind.SALE });
    expect(one?.prices).toHaveLength(2);
    expect(one).toEqual((await mustSucceed(getPlanCall(h, planId))).plan);
    expect(seen.find((plan) => plan.planId === 'basic')).toMatchObject({ kind: PlanKind.BASIC });
  });

  test('of an unknown plan is PLAN_NOT_FOUND, and a token of another list is refused', async () => {
    expect(await getPlanCall(h, 'no-such')).toMatchObject({ code: 'NOT_FOUND', reason: 'PLAN_NOT_FOUND' });
    expect(await listCatalogCall(h, 1, 'bm9uZQ')).toMatchObject({ fields: ['page_token'] });
  });
});
