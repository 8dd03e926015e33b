import assert from 'node:assert';
import { fen, type Fen } from '../platform/money';

/**
 * What an upgrade credits of the periods that it replaces: the one place of this arithmetic, in words in README.md. Pure.
 * Everything is rounded down to whole fen, once, from exact numbers.
 */

/** A standing period, as far as it decides its credit. */
export interface CreditablePeriod {
  readonly orderId: string;
  readonly startTime: Date;
  readonly endTime: Date;
  /** What of its order's payment, and of what that order credited itself, is neither refunded, nor on its way back, nor credited to another upgrade. */
  readonly paid: Fen;
  /** Units of the whole period. */
  readonly quotaUnits: number;
  /** Units of its lots that can be used now. */
  readonly usableUnits: number;
  /** Units of its intervals that are still to come. */
  readonly comingUnits: number;
}

/** What an upgrade credits of one order. */
export interface Credit {
  readonly orderId: string;
  readonly amount: Fen;
  /** Units that it counted as unspent: they end when the period is replaced. */
  readonly units: number;
}

/** whole × part ÷ of, rounded down, exact beyond 2^53; a part is never more than the whole. */
function shareOf(whole: Fen, part: number, of: number): number {
  assert(Number.isSafeInteger(part) && Number.isSafeInteger(of) && part >= 0 && of > 0, `no share: ${part}/${of}`);
  return Number((BigInt(whole) * BigInt(Math.min(part, of))) / BigInt(of));
}

/**
 * The credit of one standing period: all that was paid for one that has not begun; of a running one the smaller of the
 * share of time and the share of units that are left. One that sells no units has only its time.
 */
export function creditOf(period: CreditablePeriod, now: Date): Credit {
  const { orderId, startTime, endTime, paid, quotaUnits, usableUnits, comingUnits } = period;
  const units = usableUnits + comingUnits;
  if (startTime.getTime() > now.getTime()) return { orderId, amount: paid, units };
  const lastsMs = endTime.getTime() - startTime.getTime();
  const byTime = shareOf(paid, Math.max(0, endTime.getTime() - now.getTime()), lastsMs);
  const byUnits = quotaUnits === 0 ? byTime : shareOf(paid, units, quotaUnits);
  return { orderId, amount: fen(Math.min(byTime, byUnits)), units };
}

/** What is left to pay of a price; undefined when the credit leaves nothing: an upgrade costs something. */
export function priceAfterCredit(price: Fen, credits: readonly Credit[]): Fen | undefined {
  const left = price - creditSum(credits);
  return left > 0 ? fen(left) : undefined;
}

/** All that an upgrade credits. */
export function creditSum(credits: readonly Credit[]): Fen {
  return fen(credits.reduce((sum, { amount }) => sum + amount, 0));
}

/** The units of one credited period when the upgrade is applied. */
export interface UnitsAtApply {
  /** What the credit counted. */
  readonly counted: number;
  /** Of its intervals, still to come: they never do. */
  readonly comingUnits: number;
  /** Of its lots, usable now. */
  readonly usableUnits: number;
  /** Of its lots, expired since the credit was fixed. */
  readonly expiredUnits: number;
}

/**
 * What happens to the units of a credited period: `ended` of its lots end now; `missing` were counted and are gone,
 * because they were spent between the order and its payment: the new period gives so many less. Units that came back
 * meanwhile were not counted, so they stay; units that expired meanwhile nobody had.
 */
export function settleUnits(units: UnitsAtApply): { readonly ended: number; readonly missing: number } {
  const given = Math.max(0, units.counted - units.comingUnits);
  const ended = Math.min(given, units.usableUnits);
  return { ended, missing: Math.max(0, given - ended - units.expiredUnits) };
}
