import { z } from 'zod';
import {
  CatalogServiceService,
  PlanKind,
  PlanStatus,
  TariffState,
  type CatalogPlan,
  type PlanPrice,
  type TaskTariff,
} from '../gen/billing/v1/catalog_service.pb';
import type { Clock } from '../platform/clock';
import type { CommandResult } from '../platform/db/command';
import type { Database } from '../platform/db/database';
import * as rules from '../platform/request-rules';
import { defineService, type Handlers, type RpcService } from '../platform/rpc/service';
import type { PeriodUnit } from '../platform/time';
import { addPlanPrice } from './add-plan-price';
import { listCatalog, readCatalogEntry, type CatalogEntry } from './catalog.queries';
import { createPlan } from './create-plan';
import { PERIOD_UNITS, toFeatureLimits, toGrantInterval } from './plan-messages.rpc';
import { refuseViolations, shownName } from '../platform/field-rules';
import {
  countedUnits,
  featureName,
  kindViolations,
  relationViolations,
  termsFields,
  type PlanKind as StoredKind,
  type PlanTerms,
} from './plan-terms';
import type { PlanPriceRow, PlanStatus as StoredStatus } from './plan.model';
import type { FeatureLimits } from './plan.queries';
import { setPlanStatus } from './set-plan-status';
import { setTaskTariff } from './set-task-tariff';
import { listTariffs, readTariff, type TariffView } from './tariff.queries';

const KINDS: Readonly<Record<StoredKind, PlanKind>> = { sale: PlanKind.SALE, basic: PlanKind.BASIC };

const STATUSES: Readonly<Record<StoredStatus, PlanStatus>> = {
  active: PlanStatus.ACTIVE,
  retired: PlanStatus.RETIRED,
};

/** A number of the wire as the name that is stored; 0 and unknown numbers are refused. */
function known<Name extends string>(numbers: Readonly<Record<Name, number>>) {
  return z.number().transform((value, context): Name => {
    const name = rules.nameOf(numbers, value);
    if (name !== undefined) return name;
    context.addIssue('is not a known value');
    return z.NEVER;
  });
}

const grantUnit = z.number().transform((value, context): PeriodUnit | null => {
  if (value === 0) return null;
  const unit = rules.nameOf(PERIOD_UNITS, value);
  if (unit !== undefined) return unit;
  context.addIssue('is not a known value');
  return z.NEVER;
});

const termsShape = z.object({ ...termsFields, periodUnit: known(PERIOD_UNITS), grantUnit });

/** Terms each field of which is right; what holds between them comes after. */
const terms = z
  .custom<z.input<typeof termsShape>>((value) => value !== undefined, 'is required')
  .pipe(termsShape)
  .transform(({ features, featureLimits, grantCount, ...fields }): PlanTerms => {
    const limits = [...featureLimits].sort((one, other) => (one.feature < other.feature ? -1 : 1));
    return {
      ...fields,
      grantCount: grantCount === 0 ? null : grantCount,
      features: [...features].sort(),
      featureLimits: limits,
    };
  });

const createRequest = z.object({
  requestId: rules.opaqueId,
  planId: rules.opaqueId,
  name: shownName,
  kind: known(KINDS),
  terms,
  validFrom: rules.optionalInstant,
});
const priceRequest = z.object({
  requestId: rules.opaqueId,
  planId: rules.opaqueId,
  terms,
  validFrom: rules.optionalInstant,
});
const statusRequest = z.object({ requestId: rules.opaqueId, planId: rules.opaqueId, status: known(STATUSES) });
const planRequest = z.object({ planId: rules.opaqueId });
const pagingRequest = z.object({ pageSize: rules.pageSize, pageToken: rules.pageToken });

const tariffFields = { requestId: rules.opaqueId, taskType: rules.opaqueId, validFrom: rules.optionalInstant };
/** A task type that is listed says what it costs; one that is taken off the list says nothing more. */
const tariffRequest = z.discriminatedUnion('unlisted', [
  z.object({ ...tariffFields, unlisted: z.literal(false), units: countedUnits, feature: featureName }),
  z.object({
    ...tariffFields,
    unlisted: z.literal(true),
    units: z.literal(0, 'must be 0 with unlisted'),
    feature: z.literal('', 'must be empty with unlisted'),
  }),
]);
const tariffListRequest = z.object({
  taskType: rules.optionalOpaqueId,
  includePast: z.boolean(),
  pageSize: rules.pageSize,
  pageToken: rules.pageToken,
});

function toPriceMessage(row: PlanPriceRow): PlanPrice {
  const { id: planPriceId, price, listPrice, periodUnit, periodCount, quotaUnits, currency } = row;
  const limits = row.featureLimits === null ? null : (JSON.parse(row.featureLimits) as FeatureLimits);
  return {
    planPriceId,
    terms: {
      price,
      listPrice,
      periodUnit: PERIOD_UNITS[periodUnit],
      periodCount,
      quotaUnits,
      ...toGrantInterval(row),
      features: (JSON.parse(row.features) as string[]).sort(),
      featureLimits: toFeatureLimits(limits),
      taxRateBasisPoints: row.taxRateBasisPoints,
    },
    currency,
    validFrom: row.validFrom,
    validTo: row.validTo ?? undefined,
    createTime: row.createTime,
  };
}

function toCatalogPlan({ plan, prices }: CatalogEntry): CatalogPlan {
  const { id: planId, name, kind, status, createTime } = plan;
  return {
    planId,
    name,
    kind: KINDS[kind],
    status: STATUSES[status],
    createTime,
    prices: prices.map(toPriceMessage),
  };
}

function toTariffMessage({ tariff, validTo }: TariffView, now: Date): TaskTariff {
  const { id: tariffId, taskType, units, feature, validFrom, createTime } = tariff;
  const isPast = validTo !== undefined && validTo.getTime() <= now.getTime();
  const begun = isPast ? TariffState.PAST : TariffState.IN_FORCE;
  return {
    tariffId,
    taskType,
    units: units ?? 0,
    feature: feature ?? '',
    unlisted: units === null,
    validFrom,
    validTo,
    state: validFrom.getTime() > now.getTime() ? TariffState.ANNOUNCED : begun,
    createTime,
  };
}

/** What CatalogService is built from. */
export interface CatalogServiceParts {
  readonly db: Database;
  readonly clock: Clock;
}

/** CatalogService: decode, call, encode. */
export function createCatalogService(parts: CatalogServiceParts): RpcService {
  return defineService(CatalogServiceService, { ...planHandlers(parts), ...tariffHandlers(parts) });
}

type CatalogHandlers = Handlers<typeof CatalogServiceService>;
type TariffRpc = 'setTaskTariff' | 'listTaskTariffs';

/** The RPCs about plans. Each write answers with the plan as it is now. */
function planHandlers({ db, clock }: CatalogServiceParts): Omit<CatalogHandlers, TariffRpc> {
  const answer = async ({ response, replayed }: CommandResult<{ readonly planId: string }>) => {
    return { plan: toCatalogPlan(await readCatalogEntry(db, response.planId)), replayed };
  };
  return {
    createPlan: async ({ caller, signal }, request) => {
      const fields = createRequest.parse(request);
      refuseViolations([...relationViolations(fields.terms), ...kindViolations(fields.terms, fields.kind)]);
      return answer(await createPlan(db, { ...fields, caller, signal, now: clock.now() }));
    },
    addPlanPrice: async ({ caller, signal }, request) => {
      const fields = priceRequest.parse(request);
      refuseViolations(relationViolations(fields.terms));
      return answer(await addPlanPrice(db, { ...fields, caller, signal, now: clock.now() }));
    },
    setPlanStatus: async ({ caller, signal }, request) => {
      const command = { ...statusRequest.parse(request), caller, signal, now: clock.now() };
      return answer(await setPlanStatus(db, command));
    },
    getPlan: async (_context, request) => {
      const { planId } = planRequest.parse(request);
      return { plan: toCatalogPlan(await readCatalogEntry(db, planId)) };
    },
    listCatalog: async (_context, request) => {
      const { pageSize, pageToken } = pagingRequest.parse(request);
      const page = await listCatalog(db, pageSize, pageToken);
      return { plans: page.rows.map(toCatalogPlan), nextPageToken: page.nextPageToken };
    },
  };
}

/** The RPCs about tariffs. */
function tariffHandlers({ db, clock }: CatalogServiceParts): Pick<CatalogHandlers, TariffRpc> {
  return {
    setTaskTariff: async ({ caller, signal }, request) => {
      const { unlisted, units, feature, ...fields } = tariffRequest.parse(request);
      const tariff = unlisted ? undefined : { units, feature };
      const command = { ...fields, tariff, caller, signal, now: clock.now() };
      const { response, replayed } = await setTaskTariff(db, command);
      return { tariff: toTariffMessage(await readTariff(db, response.tariffId), clock.now()), replayed };
    },
    listTaskTariffs: async (_context, request) => {
      const { pageSize, pageToken, ...filter } = tariffListRequest.parse(request);
      const now = clock.now();
      const page = await listTariffs(db, filter, now, pageSize, pageToken);
      return { tariffs: page.rows.map((view) => toTariffMessage(view, now)), nextPageToken: page.nextPageToken };
    },
  };
}
