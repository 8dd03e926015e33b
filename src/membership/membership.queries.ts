import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { readQuota, readUser } from '../quota';
import { MembershipPeriodRow } from './membership-period.model';
import { readBasicFeatures } from './plan.queries';

/** What a user holds at an instant. Without a running period: not active, no times. */
export interface MembershipView {
  readonly active: boolean;
  readonly planId: string;
  readonly planName: string;
  readonly startTime: Date | undefined;
  /** End of the last of the periods that follow the running one without a gap. */
  readonly expireTime: Date | undefined;
  /** Sorted. */
  readonly features: readonly string[];
}

async function readView(reader: Knex, userId: string, now: Date): Promise<MembershipView> {
  const periods = await MembershipPeriodRow.query(reader)
    .where('userId', userId)
    .where('endTime', '>', now)
    .whereNull('revokeTime')
    .orderBy('periodNo');
  const current = periods.find((period) => period.startTime.getTime() <= now.getTime());
  const own = current === undefined ? [] : (JSON.parse(current.features) as string[]);
  const features = [...new Set([...own, ...(await readBasicFeatures(reader, now))])].sort();
  return {
    active: current !== undefined,
    planId: current?.planId ?? '',
    planName: current?.planName ?? '',
    startTime: current?.startTime,
    expireTime: current === undefined ? undefined : endWithoutGap(current, periods),
    features,
  };
}

/** Until when a user stays a member without a break: a refund may have left a gap before the next period. */
function endWithoutGap(current: MembershipPeriodRow, periods: readonly MembershipPeriodRow[]): Date {
  const starts = new Map(periods.map((period) => [period.startTime.getTime(), period.endTime]));
  let end = current.endTime;
  for (let next = starts.get(end.getTime()); next !== undefined; next = starts.get(end.getTime())) end = next;
  return end;
}

/** The membership of a user at an instant. Throws USER_NOT_FOUND. */
export async function readMembership(db: Database, userId: string, now: Date): Promise<MembershipView> {
  await readUser(db, userId);
  return readOnly(db, (reader) => readView(reader, userId, now));
}

/** Whether a use would be allowed. */
export interface Entitlement {
  readonly allowed: boolean;
  readonly reason: '' | 'FEATURE_NOT_ENTITLED' | 'QUOTA_INSUFFICIENT';
  readonly quotaRemaining: number;
}

/** Whether a user may use a feature now, and has the units for it. Throws USER_NOT_FOUND. */
export async function checkEntitlement(
  db: Database,
  userId: string,
  feature: string,
  amount: number,
  now: Date,
): Promise<Entitlement> {
  const { features } = await readMembership(db, userId, now);
  const { quotaRemaining } = await readQuota(db, userId, now);
  if (!features.includes(feature)) return { allowed: false, reason: 'FEATURE_NOT_ENTITLED', quotaRemaining };
  if (amount > quotaRemaining) return { allowed: false, reason: 'QUOTA_INSUFFICIENT', quotaRemaining };
  return { allowed: true, reason: '', quotaRemaining };
}
