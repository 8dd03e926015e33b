import type { Knex } from 'knex';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { UserRow } from '../quota';
import { MembershipPeriodRow } from './membership-period.model';

/**
 * What a refund does to the period that its order gave, under the user's lock. How much of it ends is the refund's to say;
 * later periods keep their dates, whatever gap that leaves before them.
 */

/** The period that a paid order gave. */
export async function readPeriodOfOrder(reader: Knex, orderId: string): Promise<MembershipPeriodRow> {
  return MembershipPeriodRow.query(reader).findOne({ orderId }).throwIfNotFound();
}

async function change(tx: Tx, period: MembershipPeriodRow, patch: Partial<MembershipPeriodRow>): Promise<void> {
  const { userId, periodNo, orderId } = period;
  const changed = await MembershipPeriodRow.query(tx).findById([userId, periodNo]).patch(patch);
  expectRows(changed, 1, `period of order ${orderId}`);
}

/** The lot of a period that was not given yet is not given before the outcome of a refund is known. */
export function pauseGrant(tx: Tx, period: MembershipPeriodRow): Promise<void> {
  return change(tx, period, { nextGrantTime: null });
}

/** The lot is due again, at its time. */
export function resumeGrant(tx: Tx, period: MembershipPeriodRow, nextGrantTime: Date): Promise<void> {
  return change(tx, period, { nextGrantTime });
}

/** Units of a lot that is not given yet end when it is given. */
export function endUnitsBeforeGrant(tx: Tx, period: MembershipPeriodRow, units: number): Promise<void> {
  return change(tx, period, { revokeUnits: period.revokeUnits + units });
}

/** A period ends earlier. The units of its lot keep the expiry that they were given with. */
export async function shortenPeriod(tx: Tx, period: MembershipPeriodRow, endTime: Date): Promise<void> {
  await change(tx, period, { endTime });
  await noteMembership(tx, period.userId);
}

/** A period counts for nothing from now on, even one that has not started, and gives nothing more. */
export async function revokePeriod(tx: Tx, period: MembershipPeriodRow, now: Date): Promise<void> {
  const isRunning = period.startTime.getTime() < now.getTime() && now.getTime() < period.endTime.getTime();
  const end = isRunning ? { endTime: now } : {};
  await change(tx, period, { revokeTime: now, nextGrantTime: null, ...end });
  await noteMembership(tx, period.userId);
}

/** The user names his last period; if none counts any more, the last of those, as it ended: he was a member. */
async function noteMembership(tx: Tx, userId: string): Promise<void> {
  const periods = await MembershipPeriodRow.query(tx).where({ userId }).orderBy('periodNo', 'desc');
  const last = periods.find(({ revokeTime }) => revokeTime === null) ?? periods[0];
  if (last === undefined) return;
  const { planId: membershipPlanId, endTime, revokeTime } = last;
  const isCut = revokeTime !== null && revokeTime.getTime() < endTime.getTime();
  const state = { membershipPlanId, membershipExpireTime: isCut ? revokeTime : endTime };
  expectRows(await UserRow.query(tx).findById(userId).patch(state), 1, `membership of ${userId}`);
}
