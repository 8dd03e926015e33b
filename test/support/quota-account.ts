import type { Account, Lot, LotChange } from '../../src/quota/account';
import type { Book } from '../../src/quota/book';
import { CHAIN_START } from '../../src/quota/log-chain';
import type { ConsumeCommand, RefundCommand } from '../../src/quota/ledger';

/** Quota accounts in memory, for tests of the rules without a database. */

/** The instant that tests of the rules count from. */
export const EPOCH = new Date('2026-01-10T04:00:00.000Z');

/** EPOCH moved by milliseconds. */
export function at(ms: number): Date {
  return new Date(EPOCH.getTime() + ms);
}

/** A lot; by default a registration lot of 10 that never expires. */
export function lotOf(fields: Partial<Lot> & { readonly grantId: number }): Lot {
  const amount = fields.amount ?? 10;
  return {
    source: 'registration',
    sourceRef: `ref-${fields.grantId}`,
    orderId: fields.source === 'membership' ? 'order-1' : null,
    remaining: amount,
    held: 0,
    expireTime: null,
    createTime: EPOCH,
    ...fields,
    amount,
  };
}

/** An account without rows, as registration leaves it before its grant. */
export function emptyAccount(userId = 'u-1', now = EPOCH): Account {
  return { userId, quotaRemaining: 0, logSequence: 0, logHash: CHAIN_START, logTime: now, lots: [] };
}

/** The account as the database would hold it once a book was written. */
export function closeBook(book: Book): Account {
  const logTime = book.postings.at(-1)?.createTime ?? book.opened.logTime;
  const { userId, quotaRemaining, logSequence, logHash, lots } = book;
  return { userId, quotaRemaining, logSequence, logHash, logTime, lots };
}

/** A ConsumeQuota of one unit; by default without task. */
export function consumeCommand(fields: Partial<ConsumeCommand>): ConsumeCommand {
  const who = { userId: 'u-1', actor: 'spiffe://billing/ai-task-service/test' };
  return { requestId: 'c-1', amount: 1, taskId: '', taskType: '', description: '', ...who, ...fields };
}

/** A RefundQuota of all that is left of `c-1`. */
export function refundCommand(fields: Partial<RefundCommand>): RefundCommand {
  const who = { userId: 'u-1', actor: 'spiffe://billing/ai-task-service/test' };
  return { requestId: 'r-1', consumeRequestId: 'c-1', amount: 0, reason: '', ...who, ...fields };
}

/** Sum of signed changes. */
export function sumOf(changes: readonly LotChange[]): number {
  return changes.reduce((sum, [, change]) => sum + change, 0);
}
