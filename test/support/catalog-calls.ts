import {
  AddPlanPriceRequest,
  CreatePlanRequest,
  ListTaskTariffsRequest,
  PlanKind,
  PlanTerms,
  SetTaskTariffRequest,
  type CatalogPlan,
  type PlanStatus,
  type TaskTariff,
} from '../../src/gen/billing/v1/catalog_service.pb';
import { PeriodUnit } from '../../src/gen/billing/v1/membership_service.pb';
import { call, mustSucceed, type Identity } from './clients';
import { newId, type Harness } from './harness';
import { bound } from './malformed-fields';
import type { Callers } from './promotion-calls';
import { CHANGED_BY_ITSELF, digestTables } from './table-digest';

/** CatalogService as people of operations call it. */

export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

/** A year at ¥999 whose 6 000 units come monthly, but for the fields given. */
export function yearly(fields: Partial<PlanTerms> = {}): PlanTerms {
  return PlanTerms.fromPartial({
    price: 99_900,
    listPrice: 118_800,
    periodUnit: PeriodUnit.YEAR,
    periodCount: 1,
    quotaUnits: 6_000,
    grantUnit: PeriodUnit.MONTH,
    grantCount: 1,
    features: ['image.generate', 'image.upscale'],
    featureLimits: [{ feature: 'image.upscale', units: 1_200 }],
    taxRateBasisPoints: 600,
    ...fields,
  });
}

/** A month of a plan whose units come at once and that limits nothing, but for the fields given. */
export function monthly(fields: Partial<PlanTerms> = {}): PlanTerms {
  const atOnce = { periodUnit: PeriodUnit.MONTH, grantUnit: PeriodUnit.UNSPECIFIED, grantCount: 0, featureLimits: [] };
  return yearly({ ...atOnce, ...fields });
}

/** What a basic plan can be: features, and nothing else. */
export function basic(fields: Partial<PlanTerms> = {}): PlanTerms {
  const nothing = { price: 0, listPrice: 0, quotaUnits: 0, grantUnit: 0, grantCount: 0, featureLimits: [] };
  return yearly({ ...nothing, periodUnit: PeriodUnit.MONTH, ...fields });
}

/** CreatePlan of a yearly plan on sale, but for the fields given. */
export function createPlanCall(h: Callers, fields: Partial<CreatePlanRequest> = {}, as: Identity = 'operations') {
  const usual = { requestId: newId('create'), planId: newId('plan'), name: '年度会员', kind: PlanKind.SALE };
  const request = { ...CreatePlanRequest.create({ ...usual, terms: yearly() }), ...fields };
  return call(bound(h.as(as).catalog, 'createPlan'), request);
}

/** Makes a plan and returns it as it was answered. */
export async function makePlan(h: Callers, fields: Partial<CreatePlanRequest> = {}): Promise<CatalogPlan> {
  const { plan } = await mustSucceed(createPlanCall(h, fields));
  if (plan === undefined) throw new Error('no plan was answered');
  return plan;
}

export function addPriceCall(
  h: Callers,
  planId: string,
  fields: Partial<AddPlanPriceRequest> = {},
  as: Identity = 'operations',
) {
  const request = { ...AddPlanPriceRequest.create({ requestId: newId('price'), planId, terms: yearly() }), ...fields };
  return call(bound(h.as(as).catalog, 'addPlanPrice'), request);
}

export function planStatusCall(h: Callers, planId: string, status: PlanStatus, requestId = newId('status')) {
  return call(bound(h.as('operations').catalog, 'setPlanStatus'), { requestId, planId, status });
}

export function getPlanCall(h: Callers, planId: string) {
  return call(bound(h.as('auditor').catalog, 'getPlan'), { planId });
}

export function listCatalogCall(h: Callers, pageSize = 0, pageToken = '') {
  return call(bound(h.as('finance').catalog, 'listCatalog'), { pageSize, pageToken });
}

/** SetTaskTariff of 2 units and image.generate as soon as may be, but for the fields given. */
export function setTariffCall(h: Callers, fields: Partial<SetTaskTariffRequest> = {}, as: Identity = 'operations') {
  const usual = { requestId: newId('tariff'), taskType: newId('t'), units: 2, feature: 'image.generate' };
  return call(bound(h.as(as).catalog, 'setTaskTariff'), { ...SetTaskTariffRequest.create(usual), ...fields });
}

/** Sets a tariff and returns it as it was answered. */
export async function makeTariff(h: Callers, fields: Partial<SetTaskTariffRequest> = {}): Promise<TaskTariff> {
  const { tariff } = await mustSucceed(setTariffCall(h, fields));
  if (tariff === undefined) throw new Error('no tariff was answered');
  return tariff;
}

export function listTariffsCall(h: Callers, fields: Partial<ListTaskTariffsRequest> = {}) {
  return call(bound(h.as('auditor').catalog, 'listTaskTariffs'), ListTaskTariffsRequest.create(fields));
}

/** A digest of everything that a call about the catalogue may write, and of what was sold: equal means that nothing changed. */
export function catalogState(h: Harness): Promise<Readonly<Record<string, string>>> {
  const written = ['plans', 'plan_prices', 'task_tariffs', 'request_keys', 'audit_logs', 'outbox'];
  return digestTables(h.db, [...written, ...SOLD], CHANGED_BY_ITSELF);
}

const SOLD = ['orders', 'membership_periods', 'quota_grants', 'users'];

/** A digest of what was sold and given. */
export function soldState(h: Harness): Promise<Readonly<Record<string, string>>> {
  return digestTables(h.db, SOLD, CHANGED_BY_ITSELF);
}

/** The audit rows and the events of a plan or a tariff, oldest first. */
export async function tracesOf(h: Harness, subjectType: 'plan' | 'tariff', subjectId: string) {
  const audit = await h.db.query('SELECT * FROM audit_logs WHERE subject_type = ? AND subject_id = ? ORDER BY id', [
    subjectType,
    subjectId,
  ]);
  const path = subjectType === 'plan' ? '$.plan_id' : '$.task_type';
  const events = await h.db.query('SELECT * FROM outbox WHERE type LIKE ? AND JSON_VALUE(payload, ?) = ? ORDER BY id', [
    `${subjectType}.%`,
    path,
    subjectId,
  ]);
  return { audit, events };
}
