import type { Lot, LotChange } from './account';

/** Which units are used first, and which come back first. Pure arithmetic. */

/** Whether a lot's units can not be used any more at an instant: expiry is exclusive, exact to the millisecond. */
export function isExpired(lot: Lot, now: Date): boolean {
  return lot.expireTime !== null && lot.expireTime.getTime() <= now.getTime();
}

function expiryMs(lot: Lot): number {
  return lot.expireTime === null ? Number.POSITIVE_INFINITY : lot.expireTime.getTime();
}

function isPaid(lot: Lot): boolean {
  return lot.source === 'membership';
}

/** Soonest expiry first, then free before paid, then oldest. */
export function compareBurnOrder(first: Lot, second: Lot): number {
  if (expiryMs(first) !== expiryMs(second)) return expiryMs(first) < expiryMs(second) ? -1 : 1;
  if (isPaid(first) !== isPaid(second)) return isPaid(first) ? 1 : -1;
  return first.grantId - second.grantId;
}

/** The lots that have usable units at an instant, in burn order. */
export function usableLots<AnyLot extends Lot>(lots: readonly AnyLot[], now: Date): readonly AnyLot[] {
  return lots.filter((lot) => lot.remaining > 0 && !isExpired(lot, now)).sort(compareBurnOrder);
}

/** Units usable at an instant. */
export function usableUnits(lots: readonly Lot[], now: Date): number {
  return usableLots(lots, now).reduce((sum, lot) => sum + lot.remaining, 0);
}

/** Which lots give how much, in burn order; undefined when they do not have enough. Signed: what each lot loses. */
export function planBurn(lots: readonly Lot[], units: number, now: Date): readonly LotChange[] | undefined {
  const plan: LotChange[] = [];
  let unitsLeft = units;
  for (const lot of usableLots(lots, now)) {
    if (unitsLeft === 0) break;
    const taken = Math.min(lot.remaining, unitsLeft);
    plan.push([lot.grantId, -taken]);
    unitsLeft -= taken;
  }
  return unitsLeft === 0 ? plan : undefined;
}

/**
 * Which lots get how much back of what was taken, after `returned` units of it came back before. The lot that was burnt
 * last (the longest-lived) gets its units back first, so how much came back in all tells which came back. Undefined when
 * fewer units are left.
 */
export function planReturn(
  taken: readonly LotChange[],
  returned: number,
  units: number,
): readonly LotChange[] | undefined {
  const plan: LotChange[] = [];
  let unitsBack = returned;
  let unitsLeft = units;
  for (const [grantId, change] of [...taken].reverse()) {
    if (unitsLeft === 0) break;
    const cameBack = Math.min(-change, unitsBack);
    unitsBack -= cameBack;
    const giveBack = Math.min(-change - cameBack, unitsLeft);
    if (giveBack === 0) continue;
    plan.push([grantId, giveBack]);
    unitsLeft -= giveBack;
  }
  return unitsLeft === 0 ? plan : undefined;
}
