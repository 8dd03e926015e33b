import type { Database } from '../platform/db/database';
import { withTx } from '../platform/db/tx';
import {
  decideConsume,
  decideRefund,
  type ConsumeCommand,
  type QuotaOutcome,
  type QuotaPolicy,
  type RefundCommand,
} from './ledger';
import {
  findCallerPosting,
  lockUser,
  openBook,
  readBalanceAfterRefund,
  readConsumeHistory,
  writeBook,
} from './posting';

/** The two commands of callers, each one locked transaction: lock the user, read, decide, write, commit. */

/** Takes units for a task. Throws the refusals of ConsumeQuota; nothing is taken then. */
export async function consumeQuota(
  db: Database,
  command: ConsumeCommand,
  now: Date,
  signal: AbortSignal,
): Promise<QuotaOutcome> {
  return withTx(db, { name: 'ConsumeQuota', signal }, async (tx) => {
    const user = await lockUser(tx, command.userId);
    const earlier = await findCallerPosting(tx, command.userId, command.requestId);
    const book = await openBook(tx, user, now);
    const outcome = decideConsume(book, command, earlier);
    await writeBook(tx, book);
    return outcome;
  });
}

/** Returns units of a consume. Throws the refusals of RefundQuota; nothing is returned then. */
export async function refundQuota(
  db: Database,
  command: RefundCommand,
  policy: QuotaPolicy,
  now: Date,
  signal: AbortSignal,
): Promise<QuotaOutcome> {
  return withTx(db, { name: 'RefundQuota', signal }, async (tx) => {
    const user = await lockUser(tx, command.userId);
    const earlier = await findCallerPosting(tx, command.userId, command.requestId);
    const history = await readConsumeHistory(tx, command.userId, command.consumeRequestId);
    const book = await openBook(
      tx,
      user,
      now,
      history.consume?.lots.map(([grantId]) => grantId),
    );
    const outcome = decideRefund(book, command, earlier, history, policy);
    if (outcome.replayed) return { ...outcome, quotaRemaining: await readBalanceAfterRefund(tx, outcome.log) };
    await writeBook(tx, book);
    return outcome;
  });
}
