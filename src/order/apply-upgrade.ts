import {
  endOfPeriod,
  readPeriodOfOrder,
  readStandingPeriods,
  replacePeriod,
  type MembershipPeriodRow,
  type PeriodChange,
} from '../membership';
import { SYSTEM_ACTOR } from '../platform/calls';
import type { Tx } from '../platform/db/tx';
import {
  endUsableUnits,
  lockUser,
  openBook,
  readExpiredUnits,
  readLotsOfOrder,
  usableUnits,
  writeBook,
  type Lot,
} from '../quota';
import { comingUnits } from './judge-upgrade';
import type { OrderCreditRow } from './order-credit.model';
import { readCreditsBy, readSpokenFor } from './order-credits.queries';
import { OrderRow } from './order.model';
import { settleUnits } from './upgrade-credit';

/**
 * What an upgrade does when it is paid, under the locks of its user and order, after everything that was due had been given
 * (catchUpGrants). What it credits was fixed when it was ordered; here it is only compared and taken away.
 */

/** Whether a period ended by itself: at its time, and not because a refund or another upgrade took it away. */
function endedByItself({ endTime, revokeTime, replacedByOrderId }: MembershipPeriodRow, now: Date): boolean {
  return revokeTime === null && replacedByOrderId === null && endTime.getTime() <= now.getTime();
}

/** What an upgrade credits, each with the period as it is now, in the order in which they run. */
async function readCredited(
  tx: Tx,
  order: OrderRow,
): Promise<readonly { readonly credit: OrderCreditRow; readonly period: MembershipPeriodRow }[]> {
  const credited = [];
  for (const credit of await readCreditsBy(tx, order.id)) {
    credited.push({ credit, period: await readPeriodOfOrder(tx, credit.creditedOrderId) });
  }
  return credited.sort((first, second) => first.period.periodNo - second.period.periodNo);
}

/**
 * Whether the ground of an upgrade has gone since it was ordered: the user's standing periods are others than it credits, but for
 * those that ended by themselves, or more of a credited order's money went back, or more of the units that it counted were
 * spent than the new period could make up for. Then it must not be applied.
 */
export async function isUpgradeVoid(tx: Tx, order: OrderRow, now: Date): Promise<boolean> {
  const credited = await readCredited(tx, order);
  const expected = credited.filter(({ period }) => !endedByItself(period, now)).map(({ period }) => period.orderId);
  const standing = (await readStandingPeriods(tx, order.userId, now)).map(({ orderId }) => orderId);
  if (expected.length !== standing.length || !standing.every((orderId) => expected.includes(orderId))) return true;
  const orders = await OrderRow.query(tx).findByIds(credited.map(({ period }) => period.orderId));
  const spokenFor = await readSpokenFor(tx, orders);
  if (credited.some(({ credit }) => spokenFor.get(credit.creditedOrderId)?.taken !== credit.refundedAmount))
    return true;
  let missingUnits = 0;
  for (const { credit, period } of credited) {
    const lots = await readLotsOfOrder(tx, order.userId, credit.creditedOrderId);
    missingUnits += (await settleCredit(tx, order, { credit, period, lots }, now)).missing;
  }
  return missingUnits > order.quotaUnits;
}

/** What becomes of the units that a credit counted, by what is left of them now. */
async function settleCredit(
  tx: Tx,
  order: OrderRow,
  credited: { readonly credit: OrderCreditRow; readonly period: MembershipPeriodRow; readonly lots: readonly Lot[] },
  now: Date,
): Promise<{ readonly ended: number; readonly missing: number }> {
  const { credit, period, lots } = credited;
  return settleUnits({
    counted: credit.units,
    comingUnits: comingUnits(period, now),
    usableUnits: usableUnits(lots, now),
    expiredUnits: await expiredSince(tx, order, lots, now),
  });
}

/** What an upgrade took away. */
export interface TakenAway {
  /** The orders whose periods were replaced, and when those ended before and end now. */
  readonly replaced: readonly (PeriodChange & { readonly orderId: string })[];
  /** Units of theirs that ended. */
  readonly endedUnits: number;
  /** Units that the credit counted and that were spent since, at most the new period's: it gives so many less. */
  readonly missingUnits: number;
}

/** Ends what an upgrade credits: the unspent units of the credited periods, and the periods themselves. */
export async function takeAwayCredited(tx: Tx, order: OrderRow, now: Date): Promise<TakenAway> {
  const credited = await readCredited(tx, order);
  let [endedUnits, missingUnits] = [0, 0];
  for (const { credit, period } of credited) {
    const { ended, missing } = await endUnitsOf(tx, order, credit, period, now);
    endedUnits += ended;
    missingUnits += missing;
  }
  const replaced = [];
  for (const { period } of credited) {
    if (endedByItself(period, now)) continue;
    const before = endOfPeriod(period);
    await replacePeriod(tx, period, order.id, now);
    replaced.push({ orderId: period.orderId, before, after: endOfPeriod(period) });
  }
  return { replaced, endedUnits, missingUnits };
}

async function endUnitsOf(
  tx: Tx,
  order: OrderRow,
  credit: OrderCreditRow,
  period: MembershipPeriodRow,
  now: Date,
): Promise<{ readonly ended: number; readonly missing: number }> {
  const { userId } = order;
  const lots = await readLotsOfOrder(tx, userId, credit.creditedOrderId);
  const grantIds = lots.map(({ grantId }) => grantId);
  const book = await openBook(tx, await lockUser(tx, userId), now, { grantIds });
  book.expireDue(SYSTEM_ACTOR);
  const settled = await settleCredit(tx, order, { credit, period, lots }, book.now);
  endUsableUnits(book, order.id, grantIds, settled.ended);
  await writeBook(tx, book);
  return settled;
}

/** Units of lots whose time came between the order and its payment: they expired, nobody spent them. */
async function expiredSince(
  tx: Tx,
  { userId, createTime }: OrderRow,
  lots: readonly Lot[],
  now: Date,
): Promise<number> {
  const expired = lots.filter(
    ({ expireTime }) => expireTime !== null && expireTime > createTime && expireTime.getTime() <= now.getTime(),
  );
  const booked = await readExpiredUnits(
    tx,
    userId,
    expired.map(({ grantId }) => grantId),
  );
  return expired.reduce((units, { remaining }) => units + remaining, booked);
}
