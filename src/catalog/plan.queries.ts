import type { Knex } from 'knex';
import type { QueryBuilder } from 'objection';
import { fen, type Fen } from '../platform/money';
import type { PeriodUnit } from '../platform/time';
import { catalogErrors } from './catalog.errors';
import type { PlanKind } from './plan-terms';
import { PlanPriceRow } from './plan.model';

/** Units of one period by feature; what is not named has no limit of its own. */
export type FeatureLimits = Readonly<Record<string, number>>;

/** A plan with the price version in force: what an order copies. */
export interface PlanOffer {
  readonly planId: string;
  readonly planPriceId: number;
  readonly name: string;
  readonly listPrice: Fen;
  readonly price: Fen;
  readonly currency: string;
  readonly periodUnit: PeriodUnit;
  readonly periodCount: number;
  readonly quotaUnits: number;
  readonly features: readonly string[];
  readonly taxRateBasisPoints: number;
  /** How often the units are given, each time a part; both null: once, all of them. */
  readonly grantUnit: PeriodUnit | null;
  readonly grantCount: number | null;
  /** The most units of one period that a feature may take; null: nothing is limited. */
  readonly featureLimits: FeatureLimits | null;
}

/** Price versions of active plans of a kind that have not ended by an instant, [valid_from, valid_to). */
function ofPlans(reader: Knex, kind: PlanKind, now: Date): QueryBuilder<PlanPriceRow> {
  return PlanPriceRow.query(reader)
    .join('plans', 'plans.id', 'plan_prices.plan_id')
    .select('plan_prices.*', 'plans.name as planName')
    .where({ 'plans.kind': kind, 'plans.status': 'active' })
    .where((validity) => {
      void validity.whereNull('plan_prices.valid_to').orWhere('plan_prices.valid_to', '>', now);
    });
}

/** Price versions in force at an instant. */
function inForce(reader: Knex, kind: PlanKind, now: Date): QueryBuilder<PlanPriceRow> {
  return ofPlans(reader, kind, now).where('plan_prices.valid_from', '<=', now);
}

function toOffer(row: PlanPriceRow): PlanOffer {
  const { planId, currency, periodUnit, periodCount, quotaUnits, taxRateBasisPoints, grantUnit, grantCount } = row;
  return {
    planId,
    planPriceId: row.id,
    name: row.planName,
    listPrice: fen(row.listPrice),
    price: fen(row.price),
    currency,
    periodUnit,
    periodCount,
    quotaUnits,
    features: JSON.parse(row.features) as string[],
    taxRateBasisPoints,
    grantUnit,
    grantCount,
    featureLimits: row.featureLimits === null ? null : (JSON.parse(row.featureLimits) as FeatureLimits),
  };
}

/** Plans on sale at an instant by id, after a given id. */
export async function readPlansOnSale(
  reader: Knex,
  now: Date,
  limit: number,
  afterPlanId: string,
): Promise<readonly PlanOffer[]> {
  const rows = await inForce(reader, 'sale', now).where('plans.id', '>', afterPlanId).orderBy('plans.id').limit(limit);
  return rows.map(toOffer);
}

/** One plan on sale at an instant. Throws PLAN_NOT_FOUND. */
export async function readPlanOnSale(reader: Knex, planId: string, now: Date): Promise<PlanOffer> {
  const row = await inForce(reader, 'sale', now).findOne('plans.id', planId);
  if (row === undefined) throw catalogErrors.PLAN_NOT_FOUND({ metadata: { plan_id: planId } });
  return toOffer(row);
}

/** What every registered user may use at an instant, membership or not. */
export async function readBasicFeatures(reader: Knex, now: Date): Promise<readonly string[]> {
  const rows = await inForce(reader, 'basic', now);
  return rows.flatMap((row) => toOffer(row).features);
}

/** The features that any active plan has, or will have by a version that is announced. */
export async function readOfferedFeatures(reader: Knex, now: Date): Promise<ReadonlySet<string>> {
  const rows = [...(await ofPlans(reader, 'sale', now)), ...(await ofPlans(reader, 'basic', now))];
  return new Set(rows.flatMap((row) => toOffer(row).features));
}

/** That each of these plans can be sold, on sale now or not. Throws PLAN_NOT_FOUND for the first that can not. */
export async function requirePlans(reader: Knex, planIds: readonly string[]): Promise<void> {
  if (planIds.length === 0) return;
  const rows = await reader('plans').select<{ id: string }[]>('id').whereIn('id', planIds).where('kind', 'sale');
  const known = new Set(rows.map(({ id }) => id));
  const unknown = planIds.find((id) => !known.has(id));
  if (unknown !== undefined) throw catalogErrors.PLAN_NOT_FOUND({ metadata: { plan_id: unknown } });
}

/**
 * The highest price, from an instant on, among these plans, or among all where none is named: versions that are announced
 * count. Undefined when there is none, and when one of those named has none: nobody can say what it will cost.
 */
export async function readDearestPrice(reader: Knex, planIds: readonly string[], now: Date): Promise<Fen | undefined> {
  const query = ofPlans(reader, 'sale', now).orderBy('plan_prices.price', 'desc');
  const prices = planIds.length === 0 ? await query.limit(1) : await query.whereIn('plans.id', [...planIds]);
  const priced = new Set(prices.map(({ planId }) => planId));
  const [dearest] = prices;
  return dearest === undefined || planIds.some((id) => !priced.has(id)) ? undefined : fen(dearest.price);
}
