import type { Knex } from 'knex';
import { isDuplicateKey } from '../../src/platform/db/sql-errors';
import type { Lot, Posting } from '../../src/quota/account';
import { Book } from '../../src/quota/book';
import { decideConsume, type ConsumeCommand } from '../../src/quota/ledger';
import { QuotaGrantRow } from '../../src/quota/quota-grant.model';
import { QuotaLogRow, toLogColumns, toPosting } from '../../src/quota/quota-log.model';
import { UserRow } from '../../src/quota/user.model';

/** A user's row joined with one lot's. */
interface UserWithLot extends Lot {
  readonly userId: string;
  readonly quotaRemaining: number;
  readonly logSequence: number;
  readonly logHash: Buffer;
  readonly logTime: Date;
}

/** Round trip 2: the user and the lots that have units, locked. */
async function lockAccount(tx: Knex.Transaction, userId: string, now: Date): Promise<Book> {
  const rows = await tx<UserWithLot>('users as u')
    .join('quota_grants as g', 'g.userId', 'u.id')
    .where('u.id', userId)
    .where('g.remaining', '>', 0)
    .select<UserWithLot[]>(
      ...['u.id as userId', 'u.quotaRemaining', 'u.logSequence', 'u.logHash', 'u.logTime'],
      ...['g.grantId', 'g.source', 'g.sourceRef', 'g.orderId', 'g.amount', 'g.remaining', 'g.held'],
      ...['g.expireTime', 'g.createTime'],
    )
    .forUpdate();
  const [user] = rows;
  if (user === undefined) throw new Error(`user ${userId} is not there or has nothing left`);
  const { quotaRemaining, logSequence, logHash, logTime } = user;
  return new Book({ userId, quotaRemaining, logSequence, logHash, logTime, lots: rows }, now);
}

/** Round trips 3 to 6: the log row, whose unique key refuses a repeat; the lots; the user; the outbox row. */
async function writeConsume(tx: Knex.Transaction, book: Book, log: Posting): Promise<void> {
  const { userId } = book;
  await QuotaLogRow.query(tx).insert(toLogColumns(log));
  for (const { grantId, remaining, held } of book.changedLots) {
    await QuotaGrantRow.query(tx).findById([userId, grantId]).patch({ remaining, held });
  }
  const { quotaRemaining, logSequence, logHash } = book;
  await UserRow.query(tx).findById(userId).patch({ quotaRemaining, logSequence, logHash, logTime: log.createTime });
  const payload = { first_sequence: log.sequence, last_sequence: log.sequence, quota_remaining: quotaRemaining };
  await tx('outbox').insert({
    type: 'quota.changed',
    userId,
    payload: JSON.stringify(payload),
    createTime: log.createTime,
  });
}

/** What was written before under this request_id. Throws when that was something else. */
async function readFirst(pool: Knex, command: ConsumeCommand): Promise<Posting> {
  const { userId, requestId } = command;
  const row = await QuotaLogRow.query(pool).findOne({ userId, origin: 'caller', requestId });
  if (row === undefined) throw new Error(`${requestId} was refused as a repeat, but is not there`);
  return toPosting(row);
}

/**
 * The textbook consume: one transaction for one request, the same rows as ours with the same columns and hashes, in
 * seven round trips (BEGIN, SELECT … FOR UPDATE, INSERT, UPDATE, UPDATE, INSERT, COMMIT).
 */
export async function textbookConsume(
  pool: Knex,
  command: ConsumeCommand,
  now: Date,
): Promise<{ readonly log: Posting; readonly replayed: boolean }> {
  try {
    const log = await pool.transaction(async (tx) => {
      const book = await lockAccount(tx, command.userId, now);
      const outcome = decideConsume(book, command, undefined);
      await writeConsume(tx, book, outcome.log);
      return outcome.log;
    });
    return { log, replayed: false };
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    return { log: await readFirst(pool, command), replayed: true };
  }
}
