import { literal } from '../platform/db/sql-text';
import { readerOf, safeInteger, writeTogether, type ValueRow } from '../platform/db/statements';
import type { Tx } from '../platform/db/tx';
import { readAccount } from './account-reader';
import { writesOf } from './account-writer';
import { Book } from './book';
import { CHAIN_START } from './log-chain';
import { quotaErrors } from './quota.errors';
import { UserRow } from './user.model';

/** One user's book inside somebody else's transaction: of an order, a registration, a refund. */

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

const USER_COLUMNS = [
  ...['id', 'quota_remaining', 'log_sequence', 'log_hash', 'log_time'],
  ...['membership_plan_id', 'membership_expire_time', 'create_time'],
].join(', ');

function toUser(values: ValueRow): UserRow {
  const [id, quotaRemaining, logSequence, logHash, logTime, membershipPlanId, membershipExpireTime, createTime] =
    values;
  return Object.assign(new UserRow(), {
    id: id as string,
    quotaRemaining: safeInteger(quotaRemaining),
    logSequence: safeInteger(logSequence),
    logHash: logHash as Buffer,
    logTime: logTime as Date,
    membershipPlanId: membershipPlanId as string | null,
    membershipExpireTime: membershipExpireTime as Date | null,
    createTime: createTime as Date,
  });
}

/**
 * Locks the user's row: the first lock of every transaction about a user, as text because it is. Undefined when there is
 * no such user.
 */
export async function lockUserIfAny(tx: Tx, userId: string): Promise<UserRow | undefined> {
  const sql = `SELECT ${USER_COLUMNS} FROM users WHERE id = ${literal(userId)} FOR UPDATE`;
  const [rows] = await readerOf(tx)([{ sql }]);
  const [user] = rows ?? [];
  return user === undefined ? undefined : toUser(user);
}

/** Locks the user's row. Throws USER_NOT_FOUND. */
export async function lockUser(tx: Tx, userId: string): Promise<UserRow> {
  const user = await lockUserIfAny(tx, userId);
  if (user === undefined) throw quotaErrors.USER_NOT_FOUND({ metadata: { user_id: userId } });
  return user;
}

/**
 * Opens the book of a user whose row is locked. Lots without units are left out, except those named; freezes are there
 * only if named, by the sequence of their row.
 */
export async function openBook(
  tx: Tx,
  user: UserRow,
  now: Date,
  also: { readonly grantIds?: readonly number[]; readonly freezes?: readonly number[] } = {},
): Promise<Book> {
  const { id: userId, quotaRemaining, logSequence, logHash, logTime } = user;
  const account = await readAccount(readerOf(tx), { userId, quotaRemaining, logSequence, logHash, logTime }, also);
  return new Book(account, now);
}

/** Writes a book's postings, lots, charges, balance and event. */
export function writeBook(tx: Tx, book: Book): Promise<void> {
  return writeTogether(tx, writesOf([book], book.now));
}
