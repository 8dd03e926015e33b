import { appendEvents } from '../platform/db/outbox';
import type { Tx } from '../platform/db/tx';
import type { MembershipPeriodRow } from './membership-period.model';
import type { Milestone } from './milestones';

/** Tells, as an event, of the end of a membership. Whoever calls notes in the same transaction that it was told. */
export async function tellMilestone(
  tx: Tx,
  userId: string,
  { kind, daysLeft }: Pick<Milestone, 'kind' | 'daysLeft'>,
  expireTime: Date,
  periods: readonly MembershipPeriodRow[],
  now: Date,
): Promise<void> {
  const last = periods.find(({ endTime }) => endTime.getTime() === expireTime.getTime());
  const ending = { plan_id: last?.planId ?? '', plan_name: last?.planName ?? '', expire_time: expireTime };
  const event =
    kind === 'expired'
      ? { type: 'membership.expired', userId, payload: ending }
      : { type: 'membership.expiring', userId, payload: { ...ending, days_left: daysLeft } };
  await appendEvents(tx, [event], now);
}
