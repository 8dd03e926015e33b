import { appendEvents } from '../platform/db/outbox';
import type { Tx } from '../platform/db/tx';
import { catchUpGrants } from './catch-up-grants';
import { intervalsIn, type GrantTerms } from './intervals';
import { MembershipPeriodRow } from './membership-period.model';
import { noteMembership } from './note-membership';
import { nextPeriod } from './period';

/** What a paid order sold, as far as membership is concerned. */
export interface MembershipSale extends GrantTerms {
  readonly orderId: string;
  readonly planId: string;
  readonly planName: string;
  /** JSON of string[], as the order holds it. */
  readonly features: string;
  /** JSON of {feature: units of the period}, as the order holds it; null: none. */
  readonly featureLimits: string | null;
  readonly quotaUnits: number;
  readonly graceDays: number;
}

/** The period a sale gave. */
export interface StartedPeriod {
  readonly startTime: Date;
  readonly endTime: Date;
}

/**
 * Gives the period that a paid order sold, inside the transaction that marks it paid and under the user's lock. It starts
 * now, or when the periods bought before it end. Its units are given when its intervals start: here if that is now, else by
 * the job, or by whoever next changes the membership. Of them, `revokeUnits` end as they are given.
 */
export async function startPeriod(
  tx: Tx,
  userId: string,
  sale: MembershipSale,
  now: Date,
  { revokeUnits = 0 }: { readonly revokeUnits?: number } = {},
): Promise<StartedPeriod> {
  await catchUpGrants(tx, userId, now);
  const periods = await MembershipPeriodRow.query(tx).where('userId', userId).orderBy('periodNo', 'desc');
  // A revoked period leaves its place in the count, and nothing that another could follow.
  const last = periods.find(({ revokeTime }) => revokeTime === null);
  const bounds = nextPeriod(last, sale.periodUnit, sale.periodCount, now);
  const { periodCount: _counted, ...sold } = sale;
  const period = await MembershipPeriodRow.query(tx).insert({
    userId,
    periodNo: (periods[0]?.periodNo ?? 0) + 1,
    ...sold,
    ...bounds,
    intervals: intervalsIn(sale),
    grantedIntervals: 0,
    nextGrantTime: sale.quotaUnits > 0 ? bounds.startTime : null,
    revokeTime: null,
    revokeUnits,
    replacedByOrderId: null,
    createTime: now,
  });
  await noteMembership(tx, userId, now);
  const { orderId, planId, periodNo } = period;
  const { startTime, endTime } = bounds;
  const payload = { order_id: orderId, plan_id: planId, period_no: periodNo, start_time: startTime, end_time: endTime };
  await appendEvents(tx, [{ type: 'membership.started', userId, payload }], now);
  if (startTime.getTime() <= now.getTime()) await catchUpGrants(tx, userId, now);
  return bounds;
}
