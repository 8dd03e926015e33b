import type { Tx } from '../platform/db/tx';
import { SYSTEM_ACTOR } from '../platform/calls';
import type { Posting } from './account';
import type { Book, GrantEntry } from './book';
import { openBook, writeBook } from './posting';
import type { UserRow } from './user.model';

/** A grant, of which some units were ended before it was given. */
export interface GrantPart {
  readonly grant: GrantEntry;
  /** At most its units: they end as it is given. */
  readonly endedBefore: number;
}

/**
 * Gives units inside the transaction of what they are given for; the caller holds the user's lock. The database refuses
 * the same source and reference twice, and a membership lot that is not a part of its paid order.
 */
export async function grantQuota(tx: Tx, user: UserRow, grant: GrantEntry, now: Date): Promise<Posting> {
  const book = await openBook(tx, user, now);
  book.expireDue(SYSTEM_ACTOR);
  const posting = give(book, { grant, endedBefore: 0 });
  await writeBook(tx, book);
  return posting;
}

/** Gives several at once. One that comes too late for its own expiry expires at once, so that the log tells of it. */
export async function grantQuotaParts(tx: Tx, user: UserRow, parts: readonly GrantPart[], now: Date): Promise<void> {
  const book = await openBook(tx, user, now);
  book.expireDue(SYSTEM_ACTOR);
  for (const part of parts) {
    give(book, part);
    book.expireDue(SYSTEM_ACTOR);
  }
  await writeBook(tx, book);
}

function give(book: Book, { grant, endedBefore }: GrantPart): Posting {
  const posting = book.grant(grant);
  const { sequence: grantId } = posting;
  if (endedBefore > 0) book.end('REVOKE', grantId, endedBefore, `revoke:${grantId}:before`, SYSTEM_ACTOR);
  return posting;
}
