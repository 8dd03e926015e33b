import assert from 'node:assert';
import { addMs } from '../platform/time';
import { platformErrors } from '../platform/errors';
import { SYSTEM_ACTOR } from '../platform/calls';
import type { Charge, Posting } from './account';
import type { Book } from './book';
import { planBurn, usableUnits } from './burn-order';
import {
  commandHash,
  type ConsumeCommand,
  type HoldCommand,
  type QuotaCommand,
  type QuotaOutcome,
  type QuotaPolicy,
} from './commands';
import { requireTerms } from './feature-use';
import { quotaErrors } from './quota.errors';
import { balanceAfter, captureHold, refundCharge, releaseHold, reportOutcome, settleCharge } from './settle';
import type { Terms } from './tariffs';

/**
 * The rules of taking and returning quota: a pure decision over (book, command). A decision either posts to the book, or
 * recognises an earlier effect, or throws its refusal and leaves the book as it was. Refusals are checked in the order
 * that the proto documents.
 */

/** Decides one command. `terms`: what is asked of it, because its task type is listed. Throws its refusal. */
export function decide(book: Book, command: QuotaCommand, policy: QuotaPolicy, terms?: Terms): QuotaOutcome {
  if (command.kind === 'SettleCharge') return settleCharge(book, command);
  const requestHash = commandHash(command);
  const repeat = recogniseRepeat(book, command.requestId, requestHash);
  if (repeat !== undefined) return repeat;
  switch (command.kind) {
    case 'ConsumeQuota':
      return consume(book, command, requestHash, policy, terms);
    case 'RefundQuota':
      return refundCharge(book, command, requestHash);
    case 'HoldQuota':
      return hold(book, command, requestHash, policy, terms);
    case 'CaptureQuota':
      return captureHold(book, command, requestHash);
    case 'ReleaseQuota':
      return releaseHold(book, command, requestHash);
    case 'ReportTaskOutcome':
      return reportOutcome(book, command, requestHash);
  }
}

/** The first effect of a repeated request, if there is one; the same id with other content is refused. */
function recogniseRepeat(book: Book, requestId: string, hash: Buffer): QuotaOutcome | undefined {
  const earlier = book.callerRow(requestId) ?? book.outcome(requestId);
  if (earlier === undefined) return undefined;
  if (!earlier.requestHash.equals(hash))
    throw platformErrors.REQUEST_ID_REUSED({ metadata: { request_id: requestId } });
  if ('sequence' in earlier) return repeatOfRow(book, earlier);
  const { firstSequence, lastSequence, quotaRemaining, chargesSettled } = earlier;
  const rows = firstSequence === null ? [] : book.rowsBetween(firstSequence, lastSequence ?? firstSequence);
  const logs = rows.filter(({ type }) => type === 'REFUND' || type === 'RELEASE' || type === 'CAPTURE');
  return { logs, quotaRemaining, replayed: true, effectTime: earlier.createTime, chargesSettled };
}

function repeatOfRow(book: Book, row: Posting): QuotaOutcome {
  const answer = { logs: [row], quotaRemaining: balanceAfter(book, row), replayed: true, effectTime: row.createTime };
  if (row.type === 'CONSUME' || row.type === 'REFUND') return answer;
  const holdRow = book.row(row.consumeSequence ?? row.sequence);
  assert(holdRow !== undefined, `the hold of row ${row.sequence} was not loaded`);
  return { ...answer, hold: { row: holdRow, charge: book.chargeOf(holdRow.sequence) } };
}

/**
 * Takes or sets aside units in burn order. Throws what the terms refuse, then QUOTA_INSUFFICIENT, with nothing taken or
 * booked.
 */
function take(
  book: Book,
  command: ConsumeCommand | HoldCommand,
  type: 'CONSUME' | 'HOLD',
  requestHash: Buffer,
): Posting {
  const { requestId, taskId, taskType, description, actor, amount } = command;
  const lots = planBurn(book.lots, amount, book.now);
  if (lots === undefined) {
    const usable = usableUnits(book.lots, book.now);
    throw quotaErrors.QUOTA_INSUFFICIENT({ metadata: { amount: String(amount), quota_remaining: String(usable) } });
  }
  book.expireDue(SYSTEM_ACTOR);
  const held = type === 'HOLD' ? lots.map(([grantId, change]) => [grantId, -change] as const) : [];
  return book.post({
    origin: 'caller',
    requestId,
    requestHash,
    type,
    lots,
    held,
    taskId,
    taskType,
    description,
    actor,
  });
}

function consume(
  book: Book,
  command: ConsumeCommand,
  requestHash: Buffer,
  policy: QuotaPolicy,
  terms: Terms | undefined,
): QuotaOutcome {
  const use = terms === undefined ? undefined : requireTerms(book, command, terms);
  const row = take(book, command, 'CONSUME', requestHash);
  const deadline = command.taskId === '' ? null : addMs(book.now, policy.settleAfterMs);
  const charge = addCharge(book, row, 'consume', deadline, policy);
  if (use !== undefined) book.limitCharge(charge, use);
  tellIfLow(book, row, policy);
  const { quotaRemaining, now: effectTime } = book;
  return { logs: [row], quotaRemaining, replayed: false, effectTime, isListed: terms !== undefined };
}

function hold(
  book: Book,
  command: HoldCommand,
  requestHash: Buffer,
  policy: QuotaPolicy,
  terms: Terms | undefined,
): QuotaOutcome {
  const use = terms === undefined ? undefined : requireTerms(book, command, terms);
  const row = take(book, command, 'HOLD', requestHash);
  const ttlMs = command.ttlMs === 0 ? policy.settleAfterMs : command.ttlMs;
  const charge = addCharge(book, row, 'hold', addMs(book.now, ttlMs), policy);
  if (use !== undefined) book.limitCharge(charge, use);
  tellIfLow(book, row, policy);
  const { quotaRemaining, now: effectTime } = book;
  const isListed = terms !== undefined;
  return { logs: [row], quotaRemaining, replayed: false, effectTime, isListed, hold: { row, charge } };
}

/** Notes that a row let the balance fall below what is low. What expired was booked before it. */
function tellIfLow(book: Book, row: Posting, { lowUnits }: QuotaPolicy): void {
  const { amount, quotaRemaining } = row;
  if (quotaRemaining < lowUnits && quotaRemaining - amount >= lowUnits) book.lowBalances.push(row);
}

/** The charge of a row, with the policy and the deadlines that hold for it from now on. */
function addCharge(
  book: Book,
  row: Posting,
  kind: Charge['kind'],
  settleDeadline: Date | null,
  policy: QuotaPolicy,
): Charge {
  const charge: Charge = {
    sequence: row.sequence,
    taskId: row.taskId,
    kind,
    units: row.units,
    returned: 0,
    state: settleDeadline === null ? 'settled' : 'open',
    settleDeadline,
    caseDeadline: settleDeadline === null ? null : addMs(settleDeadline, policy.caseAfterMs),
    graceDays: policy.compensationGraceDays,
    dueTime: settleDeadline,
    lateReturns: [],
  };
  book.addCharge(charge);
  return charge;
}
