import { CHAIN_START } from './log-chain';
import { appendEvents } from '../platform/db/outbox';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { Book } from './book';
import { QuotaGrantRow, toLot } from './quota-grant.model';
import { QuotaLogRow, toLogColumns, toPosting } from './quota-log.model';
import { quotaErrors } from './quota.errors';
import { UserRow } from './user.model';
import { sideEffectIds, type ConsumeHistory } from './ledger';
import type { Posting } from './account';

/** The I/O of the ledger: opens a user's book under the row lock, and writes what was posted to it. */

/** Makes the account of a new user, empty. The caller holds no lock yet: the primary key decides who is first. */
export async function insertAccount(tx: Tx, userId: string, now: Date): Promise<void> {
  await UserRow.query(tx).insert({
    id: userId,
    quotaRemaining: 0,
    logSequence: 0,
    logHash: CHAIN_START,
    logTime: now,
    membershipPlanId: null,
    membershipExpireTime: null,
    createTime: now,
  });
}

/** Locks the user's row: the first lock of every transaction about a user. Undefined when there is no such user. */
export async function lockUserIfAny(tx: Tx, userId: string): Promise<UserRow | undefined> {
  return UserRow.query(tx).findById(userId).forUpdate();
}

/** Locks the user's row. Throws USER_NOT_FOUND. */
export async function lockUser(tx: Tx, userId: string): Promise<UserRow> {
  const user = await lockUserIfAny(tx, userId);
  if (user === undefined) throw quotaErrors.USER_NOT_FOUND({ metadata: { user_id: userId } });
  return user;
}

/**
 * Opens the book of a user whose row is locked. Lots without units are left out, except those named: units may come
 * back to them.
 */
export async function openBook(tx: Tx, user: UserRow, now: Date, alsoLots: readonly number[] = []): Promise<Book> {
  const rows = await QuotaGrantRow.query(tx)
    .where('userId', user.id)
    .where((lots) => {
      void lots
        .where('remaining', '>', 0)
        .orWhere('held', '>', 0)
        .orWhereIn('grantId', [...alsoLots]);
    });
  const { id: userId, quotaRemaining, logSequence, logHash, logTime } = user;
  return new Book({ userId, quotaRemaining, logSequence, logHash, logTime, lots: rows.map(toLot) }, now);
}

/** The row that a caller's request_id wrote, if it wrote one. Read under the user's lock. */
export async function findCallerPosting(tx: Tx, userId: string, requestId: string): Promise<Posting | undefined> {
  const row = await QuotaLogRow.query(tx).findOne({ userId, origin: 'caller', requestId });
  return row === undefined ? undefined : toPosting(row);
}

/** A consume and the refunds of it so far. Read under the user's lock. */
export async function readConsumeHistory(tx: Tx, userId: string, consumeRequestId: string): Promise<ConsumeHistory> {
  const found = await findCallerPosting(tx, userId, consumeRequestId);
  if (found === undefined || found.type !== 'CONSUME') return { consume: undefined, refunds: [] };
  const refunds = await QuotaLogRow.query(tx).where({ userId, consumeSequence: found.sequence });
  return { consume: found, refunds: refunds.map(toPosting) };
}

/** The balance after a refund and its side effects: what its first answer said. */
export async function readBalanceAfterRefund(tx: Tx, refund: Posting): Promise<number> {
  const last = await QuotaLogRow.query(tx)
    .where({ userId: refund.userId, origin: 'system' })
    .whereIn('requestId', [...sideEffectIds(refund)])
    .orderBy('sequence', 'desc')
    .first();
  return last?.quotaRemaining ?? refund.quotaRemaining;
}

async function writeLots(tx: Tx, book: Book): Promise<void> {
  const { userId } = book;
  if (book.newLots.length > 0) await tx('quota_grants').insert(book.newLots.map((lot) => ({ userId, ...lot })));
  for (const lot of book.changedLots) {
    const { grantId, remaining, held } = lot;
    const changed = await QuotaGrantRow.query(tx).findById([userId, grantId]).patch({ remaining, held });
    expectRows(changed, 1, `lot ${grantId}`);
  }
}

/** Writes a book's postings, lots, balance and event. Nothing posted: nothing written. */
export async function writeBook(tx: Tx, book: Book): Promise<void> {
  const last = book.postings.at(-1);
  if (last === undefined) return;
  await tx('quota_logs').insert(book.postings.map(toLogColumns));
  await writeLots(tx, book);
  const changed = await UserRow.query(tx).findById(book.userId).where('logSequence', book.opened.logSequence).patch({
    quotaRemaining: book.quotaRemaining,
    logSequence: book.logSequence,
    logHash: book.logHash,
    logTime: last.createTime,
  });
  expectRows(changed, 1, `account ${book.userId}`);
  const first_sequence = book.opened.logSequence + 1;
  const payload = { first_sequence, last_sequence: last.sequence, quota_remaining: book.quotaRemaining };
  await appendEvents(tx, [{ type: 'quota.changed', userId: book.userId, payload }], book.now);
}
