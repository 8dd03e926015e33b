import type { Tx } from '../platform/db/tx';
import { SYSTEM_ACTOR } from '../platform/calls';
import type { GrantEntry } from './book';
import type { Posting } from './account';
import { openBook, writeBook } from './posting';
import type { UserRow } from './user.model';

/**
 * Gives units inside the transaction of what they are given for; the caller holds the user's lock. The database refuses
 * the same source and reference twice, and a membership lot without its paid order. Of the units, as many end at once as
 * refunds ended before they were given.
 */
export async function grantQuota(
  tx: Tx,
  user: UserRow,
  grant: GrantEntry,
  now: Date,
  endedBefore = 0,
): Promise<Posting> {
  const book = await openBook(tx, user, now);
  book.expireDue(SYSTEM_ACTOR);
  const posting = book.grant(grant);
  const { sequence: grantId } = posting;
  if (endedBefore > 0) book.end('REVOKE', grantId, endedBefore, `revoke:${grantId}:before`, SYSTEM_ACTOR);
  await writeBook(tx, book);
  return posting;
}
