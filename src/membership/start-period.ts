import type { Tx } from '../platform/db/tx';
import { expectRows } from '../platform/db/rows';
import type { PeriodUnit } from '../platform/time';
import { SYSTEM_ACTOR } from '../platform/calls';
import { grantQuota, lockUser, UserRow } from '../quota';
import { MembershipPeriodRow } from './membership-period.model';
import { nextPeriod } from './period';

/** What a paid order sold, as far as membership is concerned. */
export interface MembershipSale {
  readonly orderId: string;
  readonly planId: string;
  readonly planName: string;
  /** JSON of string[], as the order holds it. */
  readonly features: string;
  readonly quotaUnits: number;
  readonly periodUnit: PeriodUnit;
  readonly periodCount: number;
}

/** The period a sale gave. */
export interface StartedPeriod {
  readonly startTime: Date;
  readonly endTime: Date;
}

/**
 * Gives the period that a paid order sold, inside the transaction that marks it paid and under the user's lock. It starts
 * now, or when the periods bought before it end. Its lot is given when it starts: here if that is now, else by the job.
 */
export async function startPeriod(tx: Tx, userId: string, sale: MembershipSale, now: Date): Promise<StartedPeriod> {
  const periods = await MembershipPeriodRow.query(tx).where('userId', userId).orderBy('periodNo', 'desc');
  // A revoked period leaves its place in the count, and nothing that another could follow.
  const last = periods.find(({ revokeTime }) => revokeTime === null);
  const bounds = nextPeriod(last, sale.periodUnit, sale.periodCount, now);
  const { orderId, planId, planName, features, quotaUnits, periodUnit } = sale;
  const period = await MembershipPeriodRow.query(tx).insert({
    userId,
    periodNo: (periods[0]?.periodNo ?? 0) + 1,
    orderId,
    planId,
    planName,
    features,
    quotaUnits,
    periodUnit,
    ...bounds,
    nextGrantTime: quotaUnits > 0 ? bounds.startTime : null,
    revokeTime: null,
    revokeUnits: 0,
    createTime: now,
  });
  const state = { membershipPlanId: planId, membershipExpireTime: bounds.endTime };
  expectRows(await UserRow.query(tx).findById(userId).patch(state), 1, `membership of ${userId}`);
  if (bounds.startTime.getTime() <= now.getTime()) await grantPeriodLot(tx, period, now);
  return bounds;
}

/**
 * Gives the lot of a period that has started and notes that it was given; does nothing if it was, or is not due any more.
 * The caller holds the user's lock; the period is read under it, because a refund may have shortened it.
 */
export async function grantPeriodLot(
  tx: Tx,
  { userId, periodNo }: Pick<MembershipPeriodRow, 'userId' | 'periodNo'>,
  now: Date,
): Promise<void> {
  const due = MembershipPeriodRow.query(tx).findById([userId, periodNo]).where('nextGrantTime', '<=', now);
  const period = await due;
  if (period === undefined) return;
  expectRows(await due.clone().patch({ nextGrantTime: null }), 1, `period of order ${period.orderId}`);
  const { orderId, quotaUnits, planName, endTime, revokeUnits } = period;
  const grant = {
    source: 'membership',
    sourceRef: `${orderId}:1`,
    orderId,
    units: quotaUnits,
    expireTime: endTime,
    actor: SYSTEM_ACTOR,
    description: planName,
  } as const;
  await grantQuota(tx, await lockUser(tx, userId), grant, now, revokeUnits);
}
