import { MS_PER_DAY, addMs } from '../platform/time';
import { platformErrors } from '../platform/errors';
import { contentHash } from '../platform/request-content';
import { SYSTEM_ACTOR } from '../platform/calls';
import type { Lot, LotChange, Posting } from './account';
import { sumLotChanges, type Book } from './book';
import { isExpired, planBurn, planReturn, usableUnits } from './burn-order';
import { quotaErrors } from './quota.errors';

/**
 * The rules of taking and returning quota: a pure decision over (book, command, what was done before). A decision
 * either posts to the book, or recognises an earlier effect, or throws its refusal and leaves the book as it was.
 * Refusals are checked in the order the proto documents.
 */

/** What a command did: its own row, new or found again. */
export interface QuotaOutcome {
  readonly log: Posting;
  readonly quotaRemaining: number;
  readonly replayed: boolean;
}

interface QuotaCommand {
  readonly requestId: string;
  readonly userId: string;
  /** The mTLS identity of the caller. */
  readonly actor: string;
}

/** Take units for a task. */
export interface ConsumeCommand extends QuotaCommand {
  readonly amount: number;
  readonly taskId: string;
  readonly taskType: string;
  readonly description: string;
}

/** Return units of a consume; amount 0 means all that is left. */
export interface RefundCommand extends QuotaCommand {
  readonly consumeRequestId: string;
  readonly amount: number;
  readonly reason: string;
}

/** Rules that are data. */
export interface QuotaPolicy {
  /** How long units that come back to an expired lot can still be used. */
  readonly compensationGraceDays: number;
}

function consumeHash(command: ConsumeCommand): Buffer {
  const { amount, taskId, taskType, description } = command;
  return contentHash('ConsumeQuota', { amount, task_id: taskId, task_type: taskType, description });
}

function refundHash(command: RefundCommand): Buffer {
  const { consumeRequestId, amount, reason } = command;
  return contentHash('RefundQuota', { consume_request_id: consumeRequestId, amount, reason });
}

/** The first effect of a repeated request, if there is one; the same id with other content is refused. */
function recogniseRepeat(earlier: Posting | undefined, hash: Buffer): QuotaOutcome | undefined {
  if (earlier === undefined) return undefined;
  if (!earlier.requestHash.equals(hash)) {
    throw platformErrors.REQUEST_ID_REUSED({ metadata: { request_id: earlier.requestId } });
  }
  return { log: earlier, quotaRemaining: earlier.quotaRemaining, replayed: true };
}

/** Decides ConsumeQuota. `earlier` is the row this request_id wrote before. */
export function decideConsume(book: Book, command: ConsumeCommand, earlier: Posting | undefined): QuotaOutcome {
  const requestHash = consumeHash(command);
  const repeat = recogniseRepeat(earlier, requestHash);
  if (repeat !== undefined) return repeat;
  const lots = planBurn(book.lots, command.amount, book.now);
  if (lots === undefined) {
    const usable = usableUnits(book.lots, book.now);
    const metadata = { amount: String(command.amount), quota_remaining: String(usable) };
    throw quotaErrors.QUOTA_INSUFFICIENT({ metadata });
  }
  book.expireDue(SYSTEM_ACTOR);
  const { requestId, taskId, taskType, description, actor } = command;
  const entry = { origin: 'caller', requestId, requestHash, type: 'CONSUME' } as const;
  const log = book.post({ ...entry, lots, taskId, taskType, description, actor });
  return { log, quotaRemaining: book.quotaRemaining, replayed: false };
}

/** What was done before about the consume that a refund names. */
export interface ConsumeHistory {
  readonly consume: Posting | undefined;
  readonly refunds: readonly Posting[];
}

function planRefund(command: RefundCommand, consume: Posting, refunds: readonly Posting[]): readonly LotChange[] {
  const returned = sumLotChanges(refunds);
  const unitsLeft = consume.units - returned.reduce((sum, [, change]) => sum + change, 0);
  const units = command.amount === 0 ? unitsLeft : command.amount;
  const lots = units === 0 ? undefined : planReturn(consume.lots, returned, units);
  if (lots !== undefined) return lots;
  const metadata = { amount: String(command.amount), units_left: String(unitsLeft) };
  throw quotaErrors.REFUND_EXCEEDS_CONSUMED({ metadata });
}

/** Decides RefundQuota: units go back to the very lots they came from. */
export function decideRefund(
  book: Book,
  command: RefundCommand,
  earlier: Posting | undefined,
  history: ConsumeHistory,
  policy: QuotaPolicy,
): QuotaOutcome {
  const requestHash = refundHash(command);
  const repeat = recogniseRepeat(earlier, requestHash);
  if (repeat !== undefined) return repeat;
  const { consume, refunds } = history;
  if (consume === undefined) {
    throw quotaErrors.CONSUME_NOT_FOUND({ metadata: { consume_request_id: command.consumeRequestId } });
  }
  const lots = planRefund(command, consume, refunds);
  book.expireDue(SYSTEM_ACTOR);
  const { requestId, reason, actor } = command;
  const log = book.post({
    origin: 'caller',
    requestId,
    requestHash,
    type: 'REFUND',
    lots,
    consumeSequence: consume.sequence,
    taskId: consume.taskId,
    taskType: consume.taskType,
    description: reason,
    actor,
  });
  for (const [grantId, units] of lots) compensateIfExpired(book, book.lot(grantId), units, { log, refunds }, policy);
  return { log, quotaRemaining: book.quotaRemaining, replayed: false };
}

/** A refund and the refunds of the same consume before it. */
interface RefundSoFar {
  readonly log: Posting;
  readonly refunds: readonly Posting[];
}

/** The keys under which a refund's side effects on its lots are booked: what expired at once, what replaced it. */
export function sideEffectIds(refund: Posting): readonly string[] {
  return refund.lots.flatMap(([grantId]) => [
    expireId(refund, grantId),
    `grant:compensation:${replacementRef(refund, grantId)}`,
  ]);
}

function expireId(refund: Posting, grantId: number): string {
  return `expire:${grantId}:refund:${refund.sequence}`;
}

function replacementRef(refund: Posting, grantId: number): string {
  return `${refund.sequence}:${grantId}`;
}

/**
 * Units that came back to a lot that expired meanwhile end at once, and the user gets as many with a grace period. The
 * deadline is fixed by the consume's first refund to that expired lot and kept for its later ones; a compensation's own
 * deadline is final. So giving the same units back again and again never makes them live longer, and what one task does
 * never shortens what another gets back.
 */
function compensateIfExpired(book: Book, lot: Lot, units: number, soFar: RefundSoFar, policy: QuotaPolicy): void {
  if (!isExpired(lot, book.now)) return;
  const { log, refunds } = soFar;
  book.expire(lot.grantId, units, expireId(log, lot.grantId), SYSTEM_ACTOR);
  if (lot.source === 'compensation') return;
  const deadline = addMs(firstLateReturn(lot, refunds) ?? book.now, policy.compensationGraceDays * MS_PER_DAY);
  if (deadline.getTime() <= book.now.getTime()) return;
  book.grant({
    source: 'compensation',
    sourceRef: replacementRef(log, lot.grantId),
    orderId: null,
    units,
    expireTime: deadline,
    actor: SYSTEM_ACTOR,
    description: `units of grant ${lot.grantId} came back after it expired`,
  });
}

/** When units of a consume first came back to a lot after it had expired. */
function firstLateReturn(lot: Lot, refunds: readonly Posting[]): Date | undefined {
  const late = refunds.filter(({ lots, createTime }) => {
    return isExpired(lot, createTime) && lots.some(([grantId]) => grantId === lot.grantId);
  });
  return late.sort((first, second) => first.sequence - second.sequence)[0]?.createTime;
}
