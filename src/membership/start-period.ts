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
  const last = await MembershipPeriodRow.query(tx).where('userId', userId).orderBy('periodNo', 'desc').first();
  const bounds = nextPeriod(last, sale.periodUnit, sale.periodCount, now);
  const { orderId, planId, planName, features, quotaUnits, periodUnit } = sale;
  const period = await MembershipPeriodRow.query(tx).insert({
    userId,
    periodNo: (last?.periodNo ?? 0) + 1,
    orderId,
    planId,
    planName,
    features,
    quotaUnits,
    periodUnit,
    ...bounds,
    nextGrantTime: quotaUnits > 0 ? bounds.startTime : null,
    createTime: now,
  });
  const state = { membershipPlanId: planId, membershipExpireTime: bounds.endTime };
  expectRows(await UserRow.query(tx).findById(userId).patch(state), 1, `membership of ${userId}`);
  if (bounds.startTime.getTime() <= now.getTime()) await grantPeriodLot(tx, period, now);
  return bounds;
}

/** Gives the lot of a period that has started and notes that it was given; does nothing if it was. */
export async function grantPeriodLot(tx: Tx, period: MembershipPeriodRow, now: Date): Promise<void> {
  const { userId, periodNo, orderId, quotaUnits, planName, endTime } = period;
  const due = MembershipPeriodRow.query(tx).findById([userId, periodNo]).whereNotNull('nextGrantTime');
  const taken = await due.patch({ nextGrantTime: null });
  if (taken === 0) return;
  const grant = {
    source: 'membership',
    sourceRef: `${orderId}:1`,
    orderId,
    units: quotaUnits,
    expireTime: endTime,
    actor: SYSTEM_ACTOR,
    description: planName,
  } as const;
  await grantQuota(tx, await lockUser(tx, userId), grant, now);
}
