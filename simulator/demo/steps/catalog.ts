import {
  CreatePlanRequest,
  ListTaskTariffsRequest,
  PlanKind,
  PlanStatus,
  SetTaskTariffRequest,
  TariffState,
} from '../../../src/gen/billing/v1/catalog_service.pb';
import {
  CheckEntitlementRequest,
  EntitlementRemedy,
  ListPlansRequest,
  PeriodUnit,
  type CheckEntitlementResponse,
  type Plan,
} from '../../../src/gen/billing/v1/membership_service.pb';
import { call, refusalOf } from '../billing';
import type { Stage } from '../stage';
import { present } from '../unexpected';
import { beijing, REFUSAL_HEADINGS, refusalRow, yuan } from '../wording';
import { orderRequest } from './buy';
import { consumeUnits, readRemaining } from './use';

/** What operations sell, what tasks cost, and what a user may do (套餐、任务价目、权益). */

/** What the yearly plan has and the monthly one has not. */
const FEATURE = 'video.generate';
const FEATURE_LIMIT = 100;
const TASK_UNITS = 20;

const YEARLY = {
  price: 99_900,
  listPrice: 118_800,
  periodUnit: PeriodUnit.YEAR,
  periodCount: 1,
  quotaUnits: 7_200,
  grantUnit: PeriodUnit.MONTH,
  grantCount: 1,
  features: ['image.generate', 'image.matting', 'image.try_on', 'image.upscale', FEATURE],
  featureLimits: [{ feature: FEATURE, units: FEATURE_LIMIT }],
  taxRateBasisPoints: 600,
};

/** The plans that users may buy now. */
async function readPlansOnSale({ orders: { membership } }: Stage): Promise<readonly Plan[]> {
  const request = ListPlansRequest.fromPartial({ pageSize: 200 });
  return (await call(membership.listPlans.bind(membership), request)).plans;
}

/** Step 22: a new plan, a year long, whose quota comes month by month. Returns it as users may buy it. */
export async function putYearlyOnSale(stage: Stage): Promise<Plan> {
  const { report, operations, userId } = stage;
  const { catalog } = operations;
  report.step('Operations puts a yearly plan on sale; its quota is given month by month (年度会员)');
  const planId = `yearly-${userId}`;
  const request = CreatePlanRequest.fromPartial({
    requestId: `create-${planId}`,
    planId,
    name: '年度会员',
    kind: PlanKind.SALE,
    terms: YEARLY,
  });
  await call(catalog.createPlan.bind(catalog), request);
  const again = await call(catalog.createPlan.bind(catalog), request);
  const plan = present(
    (await readPlansOnSale(stage)).find((offer) => offer.planId === planId),
    'plan that was just made',
  );
  report.record('plan', {
    plan: plan.planId,
    name: plan.name,
    price: yuan(plan.price),
    'list price (原价)': yuan(plan.listPrice),
    period: `${plan.periodCount} ${PeriodUnit[plan.periodUnit]}`,
    quota: `${plan.quotaUnits}, a part every ${plan.grantCount} ${PeriodUnit[plan.grantUnit]}`,
    features: plan.features.join(' '),
    limits: plan.featureLimits.map(({ feature, units }) => `${feature}: ${units} units a period`).join(' '),
  });
  report.check(
    'users may buy it at once, as it was made; the same request again makes no second one',
    plan.price === YEARLY.price && plan.quotaUnits === YEARLY.quotaUnits && again.replayed,
  );
  return plan;
}

/** Step 27: what a task type will cost. It takes force a minute later, when every process knows it. */
export async function setTariff({ report, operations: { catalog }, userId }: Stage): Promise<void> {
  report.step(`Operations says what a task costs: ${TASK_UNITS} units, for those who may ${FEATURE} (任务价目)`);
  const taskType = `video-${userId}`;
  const request = { requestId: `tariff-${userId}`, taskType, units: TASK_UNITS, feature: FEATURE };
  await call(catalog.setTaskTariff.bind(catalog), SetTaskTariffRequest.fromPartial(request));
  const { tariffs } = await call(
    catalog.listTaskTariffs.bind(catalog),
    ListTaskTariffsRequest.fromPartial({ taskType }),
  );
  report.rows(
    'tariffs',
    ['task type', 'units', 'feature', 'in force from', 'state'],
    tariffs.map((tariff) => [
      tariff.taskType,
      tariff.units,
      tariff.feature,
      beijing(tariff.validFrom),
      TariffState[tariff.state],
    ]),
  );
  const [tariff, ...others] = tariffs;
  const aheadMs = Number(tariff?.validFrom) - Number(tariff?.createTime);
  report.check(
    `listed, and announced ${aheadMs / 1_000} seconds ahead: no task pays a price that some process does not know yet`,
    others.length === 0 && tariff?.state === TariffState.ANNOUNCED && aheadMs >= 60_000,
  );
}

interface Asked {
  readonly who: string;
  readonly feature: string;
  readonly amount: number;
  readonly answer: CheckEntitlementResponse;
}

async function ask(stage: Stage, who: string, feature: string, amount: number): Promise<Asked> {
  const { membership } = stage.aiTasks;
  const request = CheckEntitlementRequest.fromPartial({ userId: stage.userId, feature, amount });
  return { who, feature, amount, answer: await call(membership.checkEntitlement.bind(membership), request) };
}

function helpOf({ remedy, planIds, nextGrantTime }: CheckEntitlementResponse): string {
  if (remedy === EntitlementRemedy.UNSPECIFIED) return '';
  const what = remedy === EntitlementRemedy.WAIT_FOR_GRANT ? beijing(nextGrantTime) : planIds.join(' ');
  return `${EntitlementRemedy[remedy]} ${what}`;
}

/** What the yearly member uses before he wants more than is left of this month. */
const USED = 400;
const WANTED = 500;

/** Step 28: who may do what, and what helps those who may not. */
export async function checkEntitlements(monthly: Stage, yearly: Stage, plan: Plan): Promise<void> {
  const { report } = monthly;
  report.step('May this user do that? A "no" says why, and what would help (权益判断)');
  await consumeUnits(yearly, 'uses-the-month', USED);
  const before = await readRemaining(yearly);
  const asked = [
    await ask(monthly, 'monthly member', FEATURE, TASK_UNITS),
    await ask(yearly, 'yearly member', FEATURE, TASK_UNITS),
    await ask(yearly, 'yearly member', FEATURE, FEATURE_LIMIT + 1),
    await ask(yearly, 'yearly member', 'image.try_on', WANTED),
  ];
  report.rows(
    'answers',
    ['who', 'feature', 'units', 'allowed', 'reason', 'why', 'what helps'],
    asked.map(({ who, feature, amount, answer }) => [
      who,
      feature,
      amount,
      answer.allowed,
      answer.reason,
      answer.why,
      helpOf(answer),
    ]),
  );
  const [lacksPlan, may, beyondLimit, lacksUnits] = asked.map(({ answer }) => answer);
  report.check(
    'FEATURE_NOT_ENTITLED, not_in_plan: an upgrade to the yearly plan helps; who has it may',
    lacksPlan?.why === 'not_in_plan' &&
      lacksPlan.remedy === EntitlementRemedy.UPGRADE_PLAN &&
      lacksPlan.planIds.includes(plan.planId) &&
      may?.allowed === true,
  );
  report.check(
    `FEATURE_NOT_ENTITLED, limit_reached: no more than ${beyondLimit?.limit} units of it a period`,
    beyondLimit?.why === 'limit_reached' && beyondLimit.limit === FEATURE_LIMIT,
  );
  report.check(
    `QUOTA_INSUFFICIENT: ${before} units are left, and the next month's come by themselves`,
    lacksUnits?.reason === 'QUOTA_INSUFFICIENT' &&
      lacksUnits.remedy === EntitlementRemedy.WAIT_FOR_GRANT &&
      lacksUnits.nextGrantTime !== undefined,
  );
  report.check('nothing was taken by asking', (await readRemaining(yearly)) === before);
}

/** Part of step 28: the plan goes, what was sold stays. */
export async function retirePlan(member: Stage, { planId }: Plan): Promise<void> {
  const { report, orders, operations, userId } = member;
  const { catalog } = operations;
  const request = { requestId: `retire-${planId}`, planId, status: PlanStatus.RETIRED };
  await call(catalog.setPlanStatus.bind(catalog), request);
  const refusal = await refusalOf(
    orders.order.createOrder.bind(orders.order),
    orderRequest(member, 'too-late', planId),
  );
  report.say(`\nOperations retires the plan (下架); somebody orders it:`);
  report.rows('refusal', REFUSAL_HEADINGS, [refusalRow(refusal)]);
  const { membership } = await call(orders.membership.getMembership.bind(orders.membership), { userId });
  report.check(
    'nobody can buy it any more, and who has it keeps it',
    refusal.reason === 'PLAN_NOT_FOUND' && membership?.active === true && membership.planId === planId,
  );
}
