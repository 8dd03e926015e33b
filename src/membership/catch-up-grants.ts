import { SYSTEM_ACTOR } from '../platform/calls';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { grantQuotaParts, lockUser, type GrantPart } from '../quota';
import { dueParts, type IntervalPart } from './intervals';
import { MembershipPeriodRow } from './membership-period.model';

/**
 * Gives whatever of a user's periods is due at an instant and was not given: each interval exactly once, in order, missed
 * ones late with the expiry that they would have had. The caller holds the user's lock and has changed nothing yet: what
 * a membership owes is settled before it changes. Returns how many lots that made.
 */
export async function catchUpGrants(tx: Tx, userId: string, now: Date): Promise<number> {
  const due = MembershipPeriodRow.query(tx).where({ userId }).where('nextGrantTime', '<=', now).orderBy('periodNo');
  const grants: GrantPart[] = [];
  for (const period of await due) {
    const { parts, grantedIntervals, nextGrantTime } = dueParts(period, now);
    const mine = MembershipPeriodRow.query(tx)
      .findById([userId, period.periodNo])
      .where('grantedIntervals', period.grantedIntervals);
    expectRows(await mine.patch({ grantedIntervals, nextGrantTime }), 1, `period of order ${period.orderId}`);
    for (const part of parts) if (part.units > 0) grants.push(grantOf(period, part));
  }
  if (grants.length > 0) await grantQuotaParts(tx, await lockUser(tx, userId), grants, now);
  return grants.length;
}

/** The lot of an interval. The database refuses it a second time, and of other units than the order sold. */
function grantOf({ orderId, planName }: MembershipPeriodRow, part: IntervalPart): GrantPart {
  const { interval, units, ended: endedBefore, expireTime } = part;
  const from = { source: 'membership', sourceRef: `${orderId}:${interval}`, orderId } as const;
  return { grant: { ...from, units, expireTime, actor: SYSTEM_ACTOR, description: planName }, endedBefore };
}
