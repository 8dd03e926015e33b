import type { Knex } from 'knex';
import { readBasicFeatures, readPlansOnSale, type FeatureLimits } from '../catalog';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { judgeFeature, readFeatureUse, readQuota } from '../quota';
import { entitlementsFrom, holdingAt } from './entitlements';
import { dueParts } from './intervals';
import { MembershipPeriodRow } from './membership-period.model';
import { remedyForFeature, remedyForUnits, type OwnPeriod, type Prospect, type Remedy } from './remedy';

/** CheckEntitlement: whether a use would be allowed, and if not, why and what would help. */

/** What was found. */
export interface EntitlementCheck {
  readonly allowed: boolean;
  readonly reason: '' | 'FEATURE_NOT_ENTITLED' | 'QUOTA_INSUFFICIENT';
  readonly why: '' | 'not_in_plan' | 'limit_reached';
  readonly quotaRemaining: number;
  readonly remedy: Remedy;
  /** Units that the current period allows of the feature, and what counts against them; undefined: it sets no limit. */
  readonly limit: { readonly units: number; readonly used: number } | undefined;
  readonly nextGrantTime: Date | undefined;
}

type Quota = Awaited<ReturnType<typeof readQuota>>;

/** Most plans on sale that are looked at. */
const PLANS_MAX = 1_000;

/**
 * Whether a user may use so many units of a feature now; 0 asks about the feature alone, and whether its limit leaves anything.
 * Nothing is reserved: what is taken is judged again when it is. Throws USER_NOT_FOUND.
 */
export async function checkEntitlement(
  db: Database,
  userId: string,
  feature: string,
  amount: number,
  now: Date,
): Promise<EntitlementCheck> {
  const quota = await readQuota(db, userId, now);
  return readOnly(db, async (reader) => {
    const rows = await readPeriods(reader, userId);
    const periods = rows.map(toOwn);
    const holding = holdingAt(periods, now);
    const basicFeatures = await readBasicFeatures(reader, now);
    const held = entitlementsFrom(holding?.period, basicFeatures);
    const units = Math.max(amount, 1);
    const limit = await readLimit(reader, userId, feature, held);
    const verdict = judgeFeature(held, feature, units, () => limit?.used ?? 0);
    const next = nextGrantOf(rows);
    const found = { quotaRemaining: quota.quotaRemaining, limit, nextGrantTime: next?.time };
    if (verdict.isAllowed && amount <= quota.quotaRemaining) {
      return { ...found, allowed: true, reason: '', why: '', remedy: { kind: 'none' } };
    }
    const offers = await readPlansOnSale(reader, now, PLANS_MAX, '');
    const situation = { now, holding, periods, offers, basicFeatures };
    if (!verdict.isAllowed) {
      const remedy = remedyForFeature(situation, feature, units);
      return { ...found, allowed: false, reason: 'FEATURE_NOT_ENTITLED', why: verdict.why, remedy };
    }
    const remedy = remedyForUnits(situation, feature, units, prospectOf(quota, next));
    return { ...found, allowed: false, reason: 'QUOTA_INSUFFICIENT', why: '', remedy };
  });
}

/** The user's periods that were not revoked, in order. */
async function readPeriods(reader: Knex, userId: string): Promise<readonly MembershipPeriodRow[]> {
  return MembershipPeriodRow.query(reader).where({ userId }).whereNull('revokeTime').orderBy('periodNo');
}

function toOwn(row: MembershipPeriodRow): OwnPeriod {
  const { periodNo, planId, startTime, endTime, graceDays, featureLimits } = row;
  return {
    ...{ periodNo, planId, startTime, endTime, graceDays },
    features: JSON.parse(row.features) as string[],
    limits: featureLimits === null ? null : (JSON.parse(featureLimits) as FeatureLimits),
    isReplaced: row.replacedByOrderId !== null,
  };
}

async function readLimit(
  reader: Knex,
  userId: string,
  feature: string,
  { limits, periodNo }: ReturnType<typeof entitlementsFrom>,
): Promise<EntitlementCheck['limit']> {
  const units = limits.get(feature);
  if (units === undefined || periodNo === null) return undefined;
  return { units, used: await readFeatureUse(reader, userId, { feature, periodNo }) };
}

/** When the membership gives units next, and how many. */
function nextGrantOf(
  rows: readonly MembershipPeriodRow[],
): { readonly time: Date; readonly units: number } | undefined {
  const [first] = rows
    .flatMap((row) => (row.nextGrantTime === null ? [] : [{ row, time: row.nextGrantTime }]))
    .sort((one, other) => one.time.getTime() - other.time.getTime());
  if (first === undefined) return undefined;
  const [part] = dueParts(first.row, first.time).parts;
  return { time: first.time, units: part === undefined ? 0 : part.units - part.ended };
}

function prospectOf({ quotaRemaining, grants }: Quota, next: ReturnType<typeof nextGrantOf>): Prospect {
  const sum = (lots: Quota['grants']): number => lots.reduce((units, lot) => units + lot.remaining, 0);
  return {
    usable: quotaRemaining,
    kept: sum(grants.filter(({ source }) => source !== 'membership')),
    afterNextGrant:
      next === undefined
        ? undefined
        : next.units + sum(grants.filter(({ expireTime }) => expireTime === null || expireTime > next.time)),
  };
}
