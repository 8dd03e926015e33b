import type { Knex } from 'knex';
import { isDuplicateKey } from '../../src/platform/db/sql-errors';
import type { Charge, Lot, Posting } from '../../src/quota/account';
import { Book } from '../../src/quota/book';
import type { ConsumeCommand } from '../../src/quota/commands';
import { decide } from '../../src/quota/ledger';
import { QuotaChargeRow } from '../../src/quota/quota-charge.model';
import { QuotaGrantRow } from '../../src/quota/quota-grant.model';
import { QuotaLogRow, toPosting } from '../../src/quota/quota-log.model';
import { UserRow } from '../../src/quota/user.model';
import { BENCH_POLICY } from './policy';

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
      ...['g.grantId', 'g.source', 'g.amount', 'g.remaining', 'g.held', 'g.expireTime', 'g.revokeTime'],
    )
    .forUpdate();
  const [user] = rows;
  if (user === undefined) throw new Error(`user ${userId} is not there or has nothing left`);
  const { quotaRemaining, logSequence, logHash, logTime } = user;
  const nothingBefore = { rows: [], charges: [], outcomes: [] };
  return new Book({ userId, quotaRemaining, logSequence, logHash, logTime, lots: rows, ...nothingBefore }, now);
}

/** Round trips 3 to 7: the log row, whose unique key refuses a repeat; its charge; the lots; the user; the outbox row. */
async function writeConsume(tx: Knex.Transaction, book: Book, log: Posting): Promise<void> {
  const { userId } = book;
  await QuotaLogRow.query(tx).insert({ ...log, lots: JSON.stringify(log.lots) });
  await QuotaChargeRow.query(tx).insert(chargeColumns(userId, book.chargeOf(log.sequence)));
  for (const { grantId, remaining, held } of book.changedLots) {
    await QuotaGrantRow.query(tx).findById([userId, grantId]).patch({ remaining, held });
  }
  const { quotaRemaining, logSequence, logHash } = book;
  await UserRow.query(tx).findById(userId).patch({ quotaRemaining, logSequence, logHash, logTime: log.createTime });
  const payload = { changes: [[userId, log.sequence, log.sequence, quotaRemaining]] };
  await tx('outbox').insert({
    type: 'quota.changed',
    userId,
    payload: JSON.stringify(payload),
    createTime: log.createTime,
  });
}

function chargeColumns(userId: string, { lateReturns: _none, ...charge }: Charge) {
  return { userId, ...charge, lateReturns: null };
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
 * eight round trips (BEGIN, SELECT … FOR UPDATE, INSERT, INSERT, UPDATE, UPDATE, INSERT, COMMIT).
 */
export async function textbookConsume(
  pool: Knex,
  command: ConsumeCommand,
  now: Date,
): Promise<{ readonly log: Posting; readonly replayed: boolean }> {
  try {
    const log = await pool.transaction(async (tx) => {
      const book = await lockAccount(tx, command.userId, now);
      const [log] = decide(book, command, BENCH_POLICY).logs;
      if (log === undefined) throw new Error('a consume without a row');
      await writeConsume(tx, book, log);
      return log;
    });
    return { log, replayed: false };
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    return { log: await readFirst(pool, command), replayed: true };
  }
}
