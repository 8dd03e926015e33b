import { basicFeaturesAt, basicFeaturesRead, type FeatureLimits } from '../catalog';
import { literal } from '../platform/db/sql-text';
import { safeInteger, type Read, type ValueRow } from '../platform/db/statements';
import { addPeriods } from '../platform/time';
import type { Entitlements, EntitlementSource } from '../quota';

/**
 * What a user may use at an instant, and within which limits: that of the period that covers it, and what is everybody's. The
 * one owner of that question, for the lane of quota commands as for CheckEntitlement.
 */

/** A standing period, as far as it says what may be used. Periods of one user never overlap. */
export interface HeldPeriod {
  readonly periodNo: number;
  readonly startTime: Date;
  readonly endTime: Date;
  readonly features: readonly string[];
  /** Units of the whole period by feature; null: nothing is limited. */
  readonly limits: FeatureLimits | null;
  readonly graceDays: number;
  /** An upgrade took its place: its end has no grace. */
  readonly isReplaced: boolean;
}

/** The period whose features a user holds, and whether only its grace still covers the instant. */
export interface Holding<Period extends HeldPeriod> {
  readonly period: Period;
  readonly isInGrace: boolean;
}

/** From when on a period's features are not usable any more, if nothing follows it. */
export function graceEndOf({ endTime, graceDays, isReplaced }: HeldPeriod): Date {
  return isReplaced ? endTime : addPeriods(endTime, 'day', graceDays);
}

/**
 * The period of a user that counts at an instant: the running one; or, when all have ended, the last, until its grace is over.
 * A gap before a period that is bought already is no end: it has no grace. `periods` are those not revoked, in order.
 */
export function holdingAt<Period extends HeldPeriod>(
  periods: readonly Period[],
  now: Date,
): Holding<Period> | undefined {
  const running = periods.find(({ startTime, endTime }) => startTime <= now && now < endTime);
  if (running !== undefined) return { period: running, isInGrace: false };
  const last = periods.at(-1);
  if (last === undefined || last.endTime > now || graceEndOf(last) <= now) return undefined;
  return { period: last, isInGrace: true };
}

/** What somebody may use who holds a period, or none. What is everybody's is nobody's to limit. */
export function entitlementsFrom(period: HeldPeriod | undefined, basicFeatures: readonly string[]): Entitlements {
  const features = new Set([...(period?.features ?? []), ...basicFeatures]);
  const limits = new Map(Object.entries(period?.limits ?? {}));
  for (const feature of basicFeatures) limits.delete(feature);
  return { features, limits, periodNo: period?.periodNo ?? null };
}

const COLUMNS =
  'm.user_id, m.period_no, m.start_time, m.end_time, m.features, m.feature_limits, m.grace_days, m.replaced_by_order_id';

/** The periods that cover some instant from `notBefore` on, and the last of each user, whose grace may. */
function periodsRead(userIds: readonly string[], notBefore: Date): Read {
  const ids = userIds.map(literal).join(',');
  const isLast =
    'NOT EXISTS (SELECT 1 FROM membership_periods n FORCE INDEX (PRIMARY) ' +
    'WHERE n.user_id = m.user_id AND n.period_no > m.period_no AND n.revoke_time IS NULL)';
  return {
    sql:
      `SELECT ${COLUMNS} FROM membership_periods m FORCE INDEX (PRIMARY) WHERE m.user_id IN (${ids}) ` +
      `AND m.revoke_time IS NULL AND (m.end_time > ${literal(notBefore)} OR ${isLast}) ORDER BY m.user_id, m.period_no`,
  };
}

function toHeld(row: ValueRow): HeldPeriod {
  const [, periodNo, startTime, endTime, features, limits, graceDays, replacedBy] = row;
  return {
    periodNo: safeInteger(periodNo),
    startTime: startTime as Date,
    endTime: endTime as Date,
    features: JSON.parse(features as string) as string[],
    limits: limits === null ? null : (JSON.parse(limits as string) as FeatureLimits),
    graceDays: safeInteger(graceDays),
    isReplaced: replacedBy !== null,
  };
}

/** Entitlements for the lane of quota commands. */
export const ENTITLEMENT_SOURCE: EntitlementSource = {
  reads: (userIds, notBefore) => [periodsRead(userIds, notBefore), basicFeaturesRead(notBefore)],
  entitlementsOf: ([periods = [], basic = []], userId, now): Entitlements => {
    const held = periods.filter(([id]) => id === userId).map(toHeld);
    return entitlementsFrom(holdingAt(held, now)?.period, basicFeaturesAt(basic, now));
  },
};
