import { PeriodUnit, type FeatureLimit, type Plan } from '../gen/billing/v1/membership_service.pb';
import type { PeriodUnit as StoredUnit } from '../platform/time';
import type { FeatureLimits, PlanOffer } from './plan.queries';

/** The units of the wire. */
export const PERIOD_UNITS: Readonly<Record<StoredUnit, PeriodUnit>> = {
  day: PeriodUnit.DAY,
  month: PeriodUnit.MONTH,
  quarter: PeriodUnit.QUARTER,
  year: PeriodUnit.YEAR,
};

/** How often units are given, as the wire has it: UNSPECIFIED and 0 for once. */
export function toGrantInterval({
  grantUnit,
  grantCount,
}: {
  readonly grantUnit: StoredUnit | null;
  readonly grantCount: number | null;
}): Pick<Plan, 'grantUnit' | 'grantCount'> {
  return {
    grantUnit: grantUnit === null ? PeriodUnit.UNSPECIFIED : PERIOD_UNITS[grantUnit],
    grantCount: grantCount ?? 0,
  };
}

/** Limits as the wire has them, by feature. */
export function toFeatureLimits(limits: FeatureLimits | null): FeatureLimit[] {
  return Object.entries(limits ?? {})
    .map(([feature, units]) => ({ feature, units }))
    .sort((one, other) => (one.feature < other.feature ? -1 : 1));
}

/** A plan on sale → message. */
export function toPlanMessage(offer: PlanOffer): Plan {
  const { planId, name, price, listPrice, currency, periodUnit, periodCount, quotaUnits, features } = offer;
  return {
    planId,
    name,
    price,
    listPrice,
    currency,
    periodUnit: PERIOD_UNITS[periodUnit],
    periodCount,
    quotaUnits,
    features: [...features].sort(),
    ...toGrantInterval(offer),
    featureLimits: toFeatureLimits(offer.featureLimits),
  };
}
