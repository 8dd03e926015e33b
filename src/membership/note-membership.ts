import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { UserRow } from '../quota';
import { MembershipNoticeRow } from './membership-notice.model';
import { MembershipPeriodRow } from './membership-period.model';
import { firstChanceAfter } from './milestones';
import { endOfStanding, endsAt } from './standing';
import { tellMilestone } from './tell-milestone';

/** What a membership that has changed leaves noted, in the same transaction and under the user's lock. */
export async function noteMembership(tx: Tx, userId: string, now: Date): Promise<void> {
  const periods = await MembershipPeriodRow.query(tx).where({ userId }).orderBy('periodNo');
  await nameLast(tx, userId, periods);
  await tellMissedEnd(tx, userId, periods, now);
  const counting = periods.filter(({ revokeTime }) => revokeTime === null);
  await planNotice(tx, userId, endOfStanding(counting, now), now);
}

/** The user names his last period; if none counts any more, the last of those, as it ended: he was a member. */
async function nameLast(tx: Tx, userId: string, periods: readonly MembershipPeriodRow[]): Promise<void> {
  const last = periods.findLast(({ revokeTime }) => revokeTime === null) ?? periods.at(-1);
  if (last === undefined) return;
  const { planId: membershipPlanId, endTime, revokeTime } = last;
  const isCut = revokeTime !== null && revokeTime.getTime() < endTime.getTime();
  const state = { membershipPlanId, membershipExpireTime: isCut ? revokeTime : endTime };
  expectRows(await UserRow.query(tx).findById(userId).patch(state), 1, `membership of ${userId}`);
}

/** An end that has passed and that no job has told of yet is told of before another takes its place in the notice. */
async function tellMissedEnd(
  tx: Tx,
  userId: string,
  periods: readonly MembershipPeriodRow[],
  now: Date,
): Promise<void> {
  const row = await MembershipNoticeRow.query(tx).findById(userId);
  if (row === undefined || row.nextTime === null) return;
  const { expireTime } = row;
  if (expireTime === null || expireTime.getTime() > now.getTime()) return;
  const counted = periods.filter(({ revokeTime }) => revokeTime === null || revokeTime >= expireTime);
  // A process of a release without notices may have changed the membership, and noted nothing.
  if (!endsAt(expireTime, counted)) return;
  await tellMilestone(tx, userId, { kind: 'expired', daysLeft: undefined }, expireTime, periods, now);
  const told = { toldKind: 'expired', toldTime: expireTime, nextKind: null, nextTime: null } as const;
  expectRows(await MembershipNoticeRow.query(tx).findById(userId).patch(told), 1, `notice of ${userId}`);
}

/**
 * Another end makes what was planned void; the job that tells of it works out what is next, by its own setting, when the
 * first of it could be due. The same end changes nothing, so that nobody is told of it twice.
 */
export async function planNotice(tx: Tx, userId: string, expireTime: Date | null, now: Date): Promise<void> {
  const row = await MembershipNoticeRow.query(tx).findById(userId);
  if ((row?.expireTime ?? null)?.getTime() === expireTime?.getTime()) return;
  const next =
    expireTime === null
      ? { nextKind: null, nextTime: null }
      : { nextKind: 'plan' as const, nextTime: firstChanceAfter(now, expireTime) };
  const plan = { expireTime, ...next };
  if (row !== undefined) {
    expectRows(await MembershipNoticeRow.query(tx).findById(userId).patch(plan), 1, `notice of ${userId}`);
    return;
  }
  await MembershipNoticeRow.query(tx).insert({ userId, ...plan, toldKind: null, toldTime: null, createTime: now });
}
