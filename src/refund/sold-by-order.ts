import type { Knex } from 'knex';
import {
  catchUpGrants,
  dueParts,
  endOfPeriod,
  endUnitsBeforeGrant,
  pauseGrant,
  readPeriodOfOrder,
  resumeGrant,
  revokePeriod,
  shortenPeriod,
  unitsNotGiven,
  type MembershipPeriodRow,
  type PeriodChange,
} from '../membership';
import type { OrderRow } from '../order';
import { isOpen, RefundRow } from '../payment';
import type { Tx } from '../platform/db/tx';
import {
  endFreeze,
  freezeUnits,
  lockUser,
  openBook,
  readLotsOfOrder,
  revokeLots,
  usableUnits,
  writeBook,
  type Lot,
} from '../quota';
import { endAfterRefund, endedUnits, type RefundPart } from './refund-policy';

/**
 * What an order sold, as a refund of it finds and leaves it: the period and the units. Set aside while WeChat Pay decides,
 * then ended or restored. Under the locks of user and order, but for the reading.
 */
export interface SoldByOrder {
  readonly period: MembershipPeriodRow;
  /** What the period gave so far, a lot for each interval that had units. */
  readonly lots: readonly Lot[];
}

/** What an order sold, as it is now. */
export async function readSold(reader: Knex, { id, userId }: OrderRow): Promise<SoldByOrder> {
  return { period: await readPeriodOfOrder(reader, id), lots: await readLotsOfOrder(reader, userId, id) };
}

/**
 * How many units a refund would end if it were made now: of what nobody used, held or froze, and of what is not given yet.
 * A part of a period of several intervals ends nothing of later ones but by the time that it takes.
 */
export function unitsEndedBy(sold: SoldByOrder, part: RefundPart, now: Date): number {
  const { period, lots } = sold;
  // What is due is given before anything ends.
  const { parts, ...given } = dueParts(period, now);
  const usableParts = parts.filter(({ expireTime }) => expireTime.getTime() > now.getTime());
  const usable = usableParts.reduce((sum, { units, ended }) => sum + units - ended, usableUnits(lots, now));
  // One that an upgrade replaced before it began gives nothing that could end.
  const isReplaced = period.revokeTime !== null;
  if (!isReplaced && parts.length === 0 && isOneNotGiven(sold)) return endedUnits(unitsOfOne(period), part);
  const later = part.isFull ? unitsNotGiven({ ...period, ...given }) : 0;
  return endedUnits(usable, part) + later;
}

/** Whether a period that gives all its units at once has not given them. */
function isOneNotGiven({ period, lots }: SoldByOrder): boolean {
  return period.intervals === 1 && lots.length === 0;
}

/** What such a period will give and leave. */
function unitsOfOne({ quotaUnits, revokeUnits }: MembershipPeriodRow): number {
  return quotaUnits - revokeUnits;
}

/** What waits for the outcome of a refund. */
export type Waiting = Pick<RefundRow, 'frozenUnits' | 'freezeSequence' | 'pausedGrantTime'>;

/** Sets aside what a refund will end: freezes units that were given, and keeps others from being given. */
export async function suspendSold(
  tx: Tx,
  order: OrderRow,
  part: RefundPart,
  freeze: { readonly refundId: string; readonly compensationGraceDays: number },
  now: Date,
): Promise<Waiting> {
  await catchUpGrants(tx, order.userId, now);
  const { period, lots } = await readSold(tx, order);
  const pausedGrantTime = await suspendGrant(tx, period);
  if (lots.length === 0) return { frozenUnits: 0, freezeSequence: null, pausedGrantTime };
  const grantIds = lots.map(({ grantId }) => grantId);
  const book = await openBook(tx, await lockUser(tx, order.userId), now, { grantIds });
  const units = endedUnits(usableUnits(lots, book.now), part);
  const frozen = freezeUnits(book, { ref: freeze.refundId, grantIds, units }, freeze);
  await writeBook(tx, book);
  return { frozenUnits: frozen.units, freezeSequence: frozen.sequence ?? null, pausedGrantTime };
}

/** When the next part was due; a second refund that waits takes that over from the first. Null: none will be. */
async function suspendGrant(tx: Tx, period: MembershipPeriodRow): Promise<Date | null> {
  // Pausing leaves the row without it.
  const { nextGrantTime } = period;
  if (nextGrantTime === null) return (await findPausing(tx, period.orderId))[0]?.pausedGrantTime ?? null;
  await pauseGrant(tx, period);
  return nextGrantTime;
}

/** The refunds of an order that keep its next part from being given. */
async function findPausing(tx: Tx, orderId: string): Promise<readonly RefundRow[]> {
  const refunds = await RefundRow.query(tx).where({ orderId }).whereNotNull('pausedGrantTime');
  return refunds.filter(({ status }) => isOpen(status));
}

/**
 * The money went back: ends what was set aside, the refund's part of the period, and with all the money everything. Returns when
 * the period ended before that, and when it does now.
 */
export async function endSold(
  tx: Tx,
  order: OrderRow,
  refund: RefundRow,
  part: RefundPart,
  now: Date,
): Promise<PeriodChange> {
  await catchUpGrants(tx, order.userId, now);
  const sold = await readSold(tx, order);
  const before = endOfPeriod(sold.period);
  await endUnits(tx, refund, part.isFull ? sold.lots : [], now);
  await endPeriod(tx, sold, refund, part, now);
  return { before, after: endOfPeriod(sold.period) };
}

async function endPeriod(tx: Tx, sold: SoldByOrder, refund: RefundRow, part: RefundPart, now: Date): Promise<void> {
  const { period } = sold;
  if (part.isFull) return revokePeriod(tx, period, now);
  // An upgrade took its place before it started: nothing of it is left to end.
  if (period.revokeTime !== null) return;
  if (isOneNotGiven(sold)) await endUnitsBeforeGrant(tx, period, endedUnits(unitsOfOne(period), part));
  const endTime = endAfterRefund(period, part, now);
  if (endTime.getTime() < period.endTime.getTime()) await shortenPeriod(tx, period, endTime, now);
  await restoreGrant(tx, period, refund);
}

async function endUnits(tx: Tx, refund: RefundRow, revoked: readonly Lot[], now: Date): Promise<void> {
  const { id, userId, freezeSequence } = refund;
  if (freezeSequence === null && revoked.length === 0) return;
  const grantIds = revoked.map(({ grantId }) => grantId);
  const freezes = freezeSequence === null ? [] : [freezeSequence];
  const book = await openBook(tx, await lockUser(tx, userId), now, { grantIds, freezes });
  if (freezeSequence !== null) endFreeze(book, id, freezeSequence, 'revoke');
  revokeLots(book, id, grantIds);
  await writeBook(tx, book);
}

/** No money went back: gives back what was set aside. Returns how many units expired meanwhile and were not given again. */
export async function restoreSold(tx: Tx, refund: RefundRow, end: 'thaw' | 'lapse', now: Date): Promise<number> {
  const { id, userId, orderId, freezeSequence, pausedGrantTime } = refund;
  let expiredUnits = 0;
  if (freezeSequence !== null) {
    const book = await openBook(tx, await lockUser(tx, userId), now, { freezes: [freezeSequence] });
    expiredUnits = endFreeze(book, id, freezeSequence, end);
    await writeBook(tx, book);
  }
  if (pausedGrantTime !== null) await restoreGrant(tx, await readPeriodOfOrder(tx, orderId), refund);
  return expiredUnits;
}

/** The next part is due again, unless another refund still waits, or the period was revoked or replaced. */
async function restoreGrant(tx: Tx, period: MembershipPeriodRow, refund: RefundRow): Promise<void> {
  const { orderId, pausedGrantTime } = refund;
  if (pausedGrantTime === null || period.revokeTime !== null || period.replacedByOrderId !== null) return;
  const others = (await findPausing(tx, orderId)).filter(({ id }) => id !== refund.id);
  if (others.length === 0) await resumeGrant(tx, period);
}
