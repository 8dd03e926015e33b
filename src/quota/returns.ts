import { SYSTEM_ACTOR } from '../platform/calls';
import { addMs, fromEpochMs, MS_PER_DAY } from '../platform/time';
import type { Posting } from './account';
import type { Book } from './book';
import { isExpired } from './burn-order';

/**
 * Units that came back to a lot which ended meanwhile: they end at once, and where the lot only expired the user gets as
 * many with a grace period. Each side effect is a row of the service's own, under an id made from the row that caused it.
 */

const endId = (row: Posting, grantId: number): string => `expire:${grantId}:${row.type.toLowerCase()}:${row.sequence}`;
const replacementRef = (row: Posting, grantId: number): string => `${row.sequence}:${grantId}`;

/** The ids under which a row's side effects on its lots are booked: what ended at once, what replaced it. */
export function sideEffectIds(row: Posting): readonly string[] {
  return row.lots.flatMap(([grantId]) => [endId(row, grantId), `grant:compensation:${replacementRef(row, grantId)}`]);
}

/**
 * Ends what `row` gave back to lots that expired or were revoked, and replaces what expired, if it is to be. Returns how much
 * expired for good.
 */
export function endWhatCameBackTooLate(
  book: Book,
  chargeSequence: number,
  row: Posting,
  { isReplaced }: { readonly isReplaced: boolean } = { isReplaced: true },
): number {
  let lost = 0;
  for (const [grantId, units] of row.lots) {
    const lot = book.lot(grantId);
    if (lot.revokeTime !== null) {
      book.end('REVOKE', grantId, units, endId(row, grantId), SYSTEM_ACTOR);
    } else if (isExpired(lot, book.now)) {
      book.end('EXPIRE', grantId, units, endId(row, grantId), SYSTEM_ACTOR);
      // A compensation's own deadline is final.
      const isOwed = isReplaced && lot.source !== 'compensation';
      if (!isOwed || !compensate(book, chargeSequence, row, grantId, units)) lost += units;
    }
  }
  return lost;
}

/**
 * The deadline is fixed by the charge's first return to that expired lot and kept for its later ones. So giving the same
 * units back again and again never makes them live longer, and what one task does never shortens what another gets back. False
 * when that deadline is over.
 */
function compensate(book: Book, chargeSequence: number, row: Posting, grantId: number, units: number): boolean {
  const { lateReturns, graceDays } = book.chargeOf(chargeSequence);
  const known = lateReturns.find(([lot]) => lot === grantId);
  const deadline = known === undefined ? addMs(book.now, graceDays * MS_PER_DAY) : fromEpochMs(known[1]);
  if (known === undefined) {
    book.changeCharge(chargeSequence, { lateReturns: [...lateReturns, [grantId, deadline.getTime()]] });
  }
  if (deadline.getTime() <= book.now.getTime()) return false;
  book.grant({
    source: 'compensation',
    sourceRef: replacementRef(row, grantId),
    orderId: null,
    units,
    expireTime: deadline,
    actor: SYSTEM_ACTOR,
    description: `units of grant ${grantId} came back after it expired`,
  });
  return true;
}
