import assert from 'node:assert';
import { SYSTEM_ACTOR } from '../platform/calls';
import { contentHash } from '../platform/request-content';
import type { LotChange } from './account';
import type { Book } from './book';
import type { QuotaPolicy } from './commands';
import { endWhatCameBackTooLate } from './returns';

/**
 * Units that a refund of their order is about to end: frozen while WeChat Pay decides, then revoked, or thawed when it
 * refuses. A freeze is a hold of the service's own, never due: the units can not be used, and do not expire, meanwhile.
 */

/** What to freeze, and for which refund. */
export interface FreezeEntry {
  /** Unique per user: freezing the same thing twice is refused by the database. */
  readonly ref: string;
  readonly grantIds: readonly number[];
  readonly units: number;
}

/**
 * Freezes at most so many units of the named lots, in the order named; expired units are not frozen. Returns how many
 * were, with the sequence of the row that says so.
 */
export function freezeUnits(
  book: Book,
  { ref, grantIds, units }: FreezeEntry,
  policy: Pick<QuotaPolicy, 'compensationGraceDays'>,
): { readonly units: number; readonly sequence: number | undefined } {
  book.expireDue(SYSTEM_ACTOR);
  const lots: LotChange[] = [];
  let unitsLeft = units;
  for (const grantId of grantIds) {
    const taken = Math.min(book.lot(grantId).remaining, unitsLeft);
    if (taken === 0) continue;
    lots.push([grantId, -taken]);
    unitsLeft -= taken;
  }
  if (lots.length === 0) return { units: 0, sequence: undefined };
  const frozen = units - unitsLeft;
  const held = lots.map(([grantId, change]) => [grantId, -change] as const);
  const requestHash = contentHash('FreezeUnits', { ref, units: frozen });
  const entry = { origin: 'system', requestId: `freeze:${ref}`, requestHash, actor: SYSTEM_ACTOR } as const;
  const row = book.post({ ...entry, type: 'HOLD', lots, held });
  book.addCharge({
    ...{ sequence: row.sequence, taskId: '', kind: 'hold', units: frozen, returned: 0, state: 'open' },
    ...{
      settleDeadline: null,
      caseDeadline: null,
      graceDays: policy.compensationGraceDays,
      dueTime: null,
      lateReturns: [],
    },
  });
  return { units: frozen, sequence: row.sequence };
}

/**
 * What becomes of what is frozen: it comes back, and what expired meanwhile is given again (`thaw`) or is gone (`lapse`); or it ends
 * for good (`revoke`).
 */
export type FreezeEnd = 'thaw' | 'lapse' | 'revoke';

/** Ends a freeze. Returns how many units expired meanwhile for good. */
export function endFreeze(book: Book, ref: string, freezeSequence: number, end: FreezeEnd): number {
  const row = book.row(freezeSequence);
  const charge = book.chargeOf(freezeSequence);
  assert(row !== undefined && row.type === 'HOLD' && charge.state === 'open', `${ref} is not frozen`);
  book.expireDue(SYSTEM_ACTOR);
  const lots = row.lots.map(([grantId, change]) => [grantId, -change] as const);
  const requestHash = contentHash('EndFreeze', { ref, end });
  const requestId = `${end === 'revoke' ? 'revoke' : 'thaw'}:${ref}`;
  const entry = { origin: 'system', requestId, requestHash, actor: SYSTEM_ACTOR } as const;
  const log = book.post({ ...entry, type: 'RELEASE', lots, held: row.lots, consumeSequence: freezeSequence });
  book.changeCharge(freezeSequence, { returned: charge.units, state: 'released' });
  if (end !== 'revoke') return endWhatCameBackTooLate(book, freezeSequence, log, { isReplaced: end === 'thaw' });
  for (const [grantId, units] of lots) book.end('REVOKE', grantId, units, `revoke:${grantId}:${ref}`, SYSTEM_ACTOR);
  return 0;
}

/** Revokes lots for good: what is left of them ends now, what comes back to them later ends then. */
export function revokeLots(book: Book, ref: string, grantIds: readonly number[]): void {
  book.expireDue(SYSTEM_ACTOR);
  for (const grantId of grantIds) {
    const { remaining } = book.lot(grantId);
    if (remaining > 0) book.end('REVOKE', grantId, remaining, `revoke:${grantId}:rest:${ref}`, SYSTEM_ACTOR);
    book.markRevoked(grantId);
  }
}

/**
 * Ends so many usable units of the named lots, in the order named, for good: they have as many. Unlike a revoked lot, one of
 * these keeps what comes back to it later.
 */
export function endUsableUnits(book: Book, ref: string, grantIds: readonly number[], units: number): void {
  book.expireDue(SYSTEM_ACTOR);
  let unitsLeft = units;
  for (const grantId of grantIds) {
    const taken = Math.min(book.lot(grantId).remaining, unitsLeft);
    if (taken > 0) book.end('REVOKE', grantId, taken, `revoke:${grantId}:replaced:${ref}`, SYSTEM_ACTOR);
    unitsLeft -= taken;
  }
  assert(unitsLeft === 0, `${unitsLeft} units are missing for ${ref}`);
}
