import assert from 'node:assert';
import { isDuplicateKey } from '../platform/db/sql-errors';
import type { Tx } from '../platform/db/tx';
import { platformErrors } from '../platform/errors';
import { businessDay } from '../platform/time';

/**
 * How many registration grants a caller may give on one business day: what limits the loss when somebody farms them.
 * Above it the registration is refused as a whole, so that nobody is registered without the grant he has a right to.
 */

/** A caller's grants of one day. */
export interface GrantDay {
  readonly caller: string;
  /** `2026-01-31`. */
  readonly day: string;
  readonly max: number;
}

/** The day that counts what is granted now. */
export function grantDayOf(caller: string, now: Date, max: number): GrantDay {
  return { caller, day: businessDay(now), max };
}

const TABLE = 'registration_grant_days';

interface GrantDayRow {
  readonly caller: string;
  readonly businessDay: string;
  readonly granted: number;
}

async function readGranted(tx: Tx, { caller, day }: GrantDay): Promise<number | undefined> {
  const row = await tx<GrantDayRow>(TABLE).where({ caller, businessDay: day }).first('granted');
  return row?.granted;
}

function tooMany({ day, max }: GrantDay): Error {
  const metadata = { limit: 'registration_grants_per_day', max: String(max), business_day: day };
  return platformErrors.RATE_LIMITED({ metadata });
}

/** Refuses when the day is full already. A look without a lock, so that a refused call queues for nothing: countGrant decides. */
export async function refuseWhenFull(tx: Tx, grantDay: GrantDay): Promise<void> {
  if (((await readGranted(tx, grantDay)) ?? 0) >= grantDay.max) throw tooMany(grantDay);
}

/**
 * Counts one grant, or refuses with RATE_LIMITED. The caller's row of the day is hot and locked from here to the COMMIT:
 * a command counts last.
 */
export async function countGrant(tx: Tx, grantDay: GrantDay): Promise<void> {
  if (await countOneMore(tx, grantDay)) return;
  const isFirst = (await readGranted(tx, grantDay)) === undefined;
  if (isFirst && (await countFirst(tx, grantDay))) return;
  // Somebody else was first in between, or the day is full.
  if (!(await countOneMore(tx, grantDay))) throw tooMany(grantDay);
}

async function countOneMore(tx: Tx, { caller, day, max }: GrantDay): Promise<boolean> {
  const ofDay = tx<GrantDayRow>(TABLE).where({ caller, businessDay: day }).where('granted', '<', max);
  const counted = await ofDay.increment('granted', 1);
  assert(counted <= 1, `grants of ${day}: ${counted} rows changed`);
  return counted === 1;
}

/**
 * False when somebody else was first. Several who find that out at once may then deadlock on the row, once: they run again
 * and find it there.
 */
async function countFirst(tx: Tx, { caller, day }: GrantDay): Promise<boolean> {
  try {
    await tx<GrantDayRow>(TABLE).insert({ caller, businessDay: day, granted: 1 });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}
