import type { Knex } from 'knex';
import { appendEvents } from '../platform/db/outbox';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { grantTimeAfter } from './intervals';
import { MembershipPeriodRow } from './membership-period.model';
import { noteMembership } from './note-membership';

/**
 * What refunds and upgrades do to the period that an order gave, under the user's lock. How much of it ends is theirs to
 * say; later periods keep their dates, whatever gap that leaves before them. Each leaves the row that it was given as it is
 * stored then.
 */

/** The period that a paid order gave. */
export async function readPeriodOfOrder(reader: Knex, orderId: string): Promise<MembershipPeriodRow> {
  return MembershipPeriodRow.query(reader).findOne({ orderId }).throwIfNotFound();
}

/** The periods of a user that are running or bought ahead: neither revoked nor over. In order. */
export function readStandingPeriods(reader: Knex, userId: string, now: Date): Promise<readonly MembershipPeriodRow[]> {
  const standing = MembershipPeriodRow.query(reader).where({ userId }).where('endTime', '>', now);
  return standing.whereNull('revokeTime').orderBy('periodNo').execute();
}

/** When a period ends, as the audit trail tells it: before and after whatever made it end sooner. */
export function endOfPeriod({ endTime, revokeTime }: Pick<MembershipPeriodRow, 'endTime' | 'revokeTime'>) {
  return { end_time: endTime, revoke_time: revokeTime };
}

/** When a period ended before a change and ends after it, as `endOfPeriod` tells it. */
export interface PeriodChange {
  readonly before: ReturnType<typeof endOfPeriod>;
  readonly after: ReturnType<typeof endOfPeriod>;
}

async function change(tx: Tx, period: MembershipPeriodRow, patch: Partial<MembershipPeriodRow>): Promise<void> {
  const { userId, periodNo, orderId } = period;
  const changed = await MembershipPeriodRow.query(tx).findById([userId, periodNo]).patch(patch);
  expectRows(changed, 1, `period of order ${orderId}`);
  Object.assign(period, patch);
}

async function tell(
  tx: Tx,
  type: `membership.${string}`,
  period: MembershipPeriodRow,
  now: Date,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { userId, orderId, planId, periodNo, startTime, endTime } = period;
  const times = { start_time: startTime, end_time: endTime };
  const payload = { order_id: orderId, plan_id: planId, period_no: periodNo, ...times, ...more };
  await appendEvents(tx, [{ type, userId, payload }], now);
}

/** What a period has not given yet is not given before the outcome of a refund is known. */
export function pauseGrant(tx: Tx, period: MembershipPeriodRow): Promise<void> {
  return change(tx, period, { nextGrantTime: null });
}

/** The next part is due again, at its time; none is if the period has become too short for it. */
export async function resumeGrant(tx: Tx, period: MembershipPeriodRow): Promise<void> {
  const nextGrantTime = grantTimeAfter(period, period.grantedIntervals);
  if (nextGrantTime !== null) await change(tx, period, { nextGrantTime });
}

/** Units of a lot that is not given yet end when it is given. */
export function endUnitsBeforeGrant(tx: Tx, period: MembershipPeriodRow, units: number): Promise<void> {
  return change(tx, period, { revokeUnits: period.revokeUnits + units });
}

/**
 * A period ends earlier. Units that it gave keep the expiry that they were given with; intervals that would start after the
 * new end are not given.
 */
export async function shortenPeriod(tx: Tx, period: MembershipPeriodRow, endTime: Date, now: Date): Promise<void> {
  const endTimeBefore = period.endTime;
  const { nextGrantTime } = period;
  const isTooLate = nextGrantTime !== null && nextGrantTime.getTime() >= endTime.getTime();
  await change(tx, period, { endTime, ...(isTooLate ? { nextGrantTime: null } : {}) });
  await noteMembership(tx, period.userId, now);
  await tell(tx, 'membership.shortened', period, now, { end_time_before: endTimeBefore });
}

/** A period counts for nothing from now on, even one that has not started, and gives nothing more. */
export async function revokePeriod(tx: Tx, period: MembershipPeriodRow, now: Date): Promise<void> {
  // One that an upgrade replaced before it started counts for nothing already.
  if (period.revokeTime !== null) return;
  await change(tx, period, { revokeTime: now, nextGrantTime: null, ...endIfRunning(period, now) });
  await noteMembership(tx, period.userId, now);
  await tell(tx, 'membership.revoked', period, now, { revoke_time: now });
}

/**
 * An upgrade takes the place of a period: one that is running ends now, one bought ahead counts for nothing from now on.
 * Neither gives anything more, and neither has a grace.
 */
export async function replacePeriod(
  tx: Tx,
  period: MembershipPeriodRow,
  replacedByOrderId: string,
  now: Date,
): Promise<void> {
  const running = endIfRunning(period, now);
  const end = running.endTime === undefined ? { revokeTime: now } : running;
  await change(tx, period, { replacedByOrderId, nextGrantTime: null, ...end });
  await noteMembership(tx, period.userId, now);
  await tell(tx, 'membership.replaced', period, now, { replaced_by_order_id: replacedByOrderId });
}

function endIfRunning({ startTime, endTime }: MembershipPeriodRow, now: Date): { readonly endTime?: Date } {
  const isRunning = startTime.getTime() < now.getTime() && now.getTime() < endTime.getTime();
  return isRunning ? { endTime: now } : {};
}
