import assert from 'node:assert';
import type { OrderRow } from '../order';
import { isCounted, RefundRow } from '../payment';
import type { Caller } from '../platform/calls';
import { isDuplicateKey } from '../platform/db/sql-errors';
import type { Tx } from '../platform/db/tx';
import type { Fen } from '../platform/money';
import { addMs, businessDay, MS_PER_DAY } from '../platform/time';

/**
 * What one person may give back alone; beyond it another person has to approve. Two bounds: of one order, whoever makes its
 * refunds and in however many parts, and of one person on one business day, so that many small ones do not go around it.
 */
export interface AloneLimits {
  /** Fen of one order. */
  readonly orderMax: number;
  /** Fen of one person on one business day. */
  readonly dayMax: number;
}

/** How long a proposal waits for its approval. */
const APPROVE_DAYS = 7;

/** Until when a refund that is proposed now may be approved. */
export function approveDeadlineOf(now: Date): Date {
  return addMs(now, APPROVE_DAYS * MS_PER_DAY);
}

/**
 * Whether a refund needs no second person, under the locks of user and order; what does not is counted on its person's day.
 * That row is locked from here to the COMMIT, and nothing else is waited for after it. What ends without moving money stays
 * counted: the day is not given back.
 */
export async function mayRefundAlone(
  tx: Tx,
  { orderMax, dayMax }: AloneLimits,
  refund: { readonly order: OrderRow; readonly amount: Fen; readonly caller: Pick<Caller, 'name'> },
  now: Date,
): Promise<boolean> {
  const { order, amount, caller } = refund;
  if ((await refundedAlone(tx, order.id)) + amount > orderMax) return false;
  return countAlone(tx, { person: caller.name, day: businessDay(now), amount, max: dayMax });
}

/** What of an order was given back, or is on its way, without a second person. */
async function refundedAlone(tx: Tx, orderId: string): Promise<number> {
  const refunds = await RefundRow.query(tx).where({ orderId, cause: 'requested' }).whereNull('approveDeadline');
  return refunds.filter(({ status }) => isCounted(status)).reduce((sum, { amount }) => sum + amount, 0);
}

/** What is to be counted, and up to what. Persons are counted by the name in their certificates, in whatever role. */
interface AloneDay {
  readonly person: string;
  /** `2026-01-31`. */
  readonly day: string;
  readonly amount: Fen;
  readonly max: number;
}

const TABLE = 'refund_alone_days';

interface AloneDayRow {
  readonly person: string;
  readonly businessDay: string;
  readonly amount: number;
}

/** Counts it, unless the day would be more than full. */
async function countAlone(tx: Tx, aloneDay: AloneDay): Promise<boolean> {
  const { person, day, amount, max } = aloneDay;
  if (amount > max) return false;
  if (await countMore(tx, aloneDay)) return true;
  const isThere = (await tx<AloneDayRow>(TABLE).where({ person, businessDay: day }).first('amount')) !== undefined;
  if (!isThere && (await countFirst(tx, aloneDay))) return true;
  // Somebody else was first in between, or the day is full.
  return countMore(tx, aloneDay);
}

async function countMore(tx: Tx, { person, day, amount, max }: AloneDay): Promise<boolean> {
  const ofDay = tx<AloneDayRow>(TABLE)
    .where({ person, businessDay: day })
    .where('amount', '<=', max - amount);
  const counted = await ofDay.increment('amount', amount);
  assert(counted <= 1, `refunds of ${day}: ${counted} rows changed`);
  return counted === 1;
}

/** False when another call of the same person was first. */
async function countFirst(tx: Tx, { person, day, amount }: AloneDay): Promise<boolean> {
  try {
    await tx<AloneDayRow>(TABLE).insert({ person, businessDay: day, amount });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}
