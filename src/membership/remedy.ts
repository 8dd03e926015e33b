import type { PlanOffer } from '../catalog';
import type { HeldPeriod, Holding } from './entitlements';
import { intervalsIn } from './intervals';

/** What would make a use possible that is not allowed now. Pure. */

/** A standing period of a user. */
export interface OwnPeriod extends HeldPeriod {
  readonly planId: string;
}

/** What is known of a user and of what is on sale. */
export interface Situation {
  readonly now: Date;
  /** The period that counts now. */
  readonly holding: Holding<OwnPeriod> | undefined;
  /** The user's periods that were not revoked, in order: past, running and bought ahead. */
  readonly periods: readonly OwnPeriod[];
  readonly offers: readonly PlanOffer[];
  /** What everybody may use. */
  readonly basicFeatures: readonly string[];
}

/** What helps. `none`: nothing that is on sale. */
export type Remedy =
  | { readonly kind: 'none' }
  | { readonly kind: 'buy' | 'renew' | 'upgrade'; readonly planIds: readonly string[] }
  | { readonly kind: 'wait_for_period'; readonly availableTime: Date }
  | { readonly kind: 'wait_for_grant' };

/** What helps somebody who may not use a feature, or no more of it in this period. What is bought already comes first. */
export function remedyForFeature(situation: Situation, feature: string, units: number): Remedy {
  const { now, periods, offers } = situation;
  const later = periods.find(
    (period) => period.startTime > now && gives(period.features, period.limits, feature, units),
  );
  if (later !== undefined) return { kind: 'wait_for_period', availableTime: later.startTime };
  return toBuy(
    situation,
    offers.filter((offer) => gives(offer.features, offer.featureLimits, feature, units)),
  );
}

/** Units that a user will have when the next ones are given, and what of them stays with him when he buys now. */
export interface Prospect {
  /** Usable when the membership gives units next; undefined: it gives no more. */
  readonly afterNextGrant: number | undefined;
  /** Usable now. */
  readonly usable: number;
  /** Of these, what no upgrade ends: not given by a membership. */
  readonly kept: number;
}

/** What helps somebody whose units do not suffice for a use of a feature. */
export function remedyForUnits(situation: Situation, feature: string, units: number, prospect: Prospect): Remedy {
  const { holding, offers, basicFeatures } = situation;
  const { afterNextGrant, usable, kept } = prospect;
  if (afterNextGrant !== undefined && afterNextGrant >= units) return { kind: 'wait_for_grant' };
  const stays = holding?.isInGrace === false ? kept : usable;
  const isBasic = basicFeatures.includes(feature);
  const enough = offers.filter((offer) => {
    const isThere = isBasic || gives(offer.features, offer.featureLimits, feature, units);
    return isThere && stays + firstUnitsOf(offer) >= units;
  });
  return toBuy(situation, enough);
}

function gives(
  features: readonly string[],
  limits: Readonly<Record<string, number>> | null,
  feature: string,
  units: number,
): boolean {
  if (!features.includes(feature)) return false;
  // A feature may bear the name of what every object has: `constructor`.
  const isLimited = limits !== null && Object.hasOwn(limits, feature);
  return !isLimited || (limits[feature] ?? 0) >= units;
}

/** Units that a plan gives at once: the first part is the largest. */
function firstUnitsOf(offer: PlanOffer): number {
  return Math.ceil(offer.quotaUnits / intervalsIn(offer));
}

/** A running member upgrades, or renews what he has; who was one renews; who was none buys. */
function toBuy({ holding, periods }: Situation, helping: readonly PlanOffer[]): Remedy {
  const planIds = [...helping].sort(byPrice).map(({ planId }) => planId);
  const isRunning = holding?.isInGrace === false;
  const own = isRunning ? holding.period.planId : periods.at(-1)?.planId;
  const others = planIds.filter((planId) => planId !== own);
  if (isRunning && others.length > 0) return { kind: 'upgrade', planIds: others };
  if (own !== undefined && planIds.includes(own)) return { kind: 'renew', planIds: [own, ...others] };
  return planIds.length === 0 ? { kind: 'none' } : { kind: 'buy', planIds };
}

function byPrice(first: PlanOffer, second: PlanOffer): number {
  return first.price - second.price || (first.planId < second.planId ? -1 : 1);
}
