import { SYSTEM_ACTOR } from '../platform/calls';
import { platformErrors } from '../platform/errors';
import { contentHash } from '../platform/request-content';
import type { Charge, LotChange, Posting, PostingType } from './account';
import type { Book, Entry } from './book';
import { planReturn, usableUnits } from './burn-order';
import type {
  CaptureCommand,
  OutcomeCommand,
  QuotaOutcome,
  RefundCommand,
  ReleaseCommand,
  SettleCommand,
} from './commands';
import { quotaErrors } from './quota.errors';
import { endWhatCameBackTooLate, sideEffectIds } from './returns';

/**
 * What becomes of units that were taken or set aside: refund, capture, release, and the outcome of a task, which is one
 * of these for each of its charges. Pure, as ledger.ts.
 */

/** Returns units of a consume or a captured hold to the very lots they came from. */
export function refundCharge(book: Book, command: RefundCommand, requestHash: Buffer): QuotaOutcome {
  const { consumeRequestId, amount, requestId, reason, actor } = command;
  const charge = findConsumed(book, consumeRequestId);
  const row = charge === undefined ? undefined : book.row(charge.sequence);
  if (charge === undefined || row === undefined) {
    throw quotaErrors.CONSUME_NOT_FOUND({ metadata: { consume_request_id: consumeRequestId } });
  }
  const unitsLeft = charge.units - charge.returned;
  const units = amount === 0 ? unitsLeft : amount;
  if (units === 0 || units > unitsLeft) {
    const metadata = { amount: String(amount), units_left: String(unitsLeft) };
    throw quotaErrors.REFUND_EXCEEDS_CONSUMED({ metadata });
  }
  book.expireDue(SYSTEM_ACTOR);
  const entry = { origin: 'caller', requestId, requestHash, actor, description: reason } as const;
  const log = giveBack(book, charge, row, units, entry);
  return { logs: [log], quotaRemaining: book.quotaRemaining, replayed: false, effectTime: book.now };
}

/** The charge whose units a refund may return: of a CONSUME, of a CAPTURE, or of a HOLD that was captured. */
function findConsumed(book: Book, requestId: string): Charge | undefined {
  const row = book.callerRow(requestId);
  if (row?.type === 'CONSUME') return book.chargeOf(row.sequence);
  if (row?.type === 'CAPTURE' && row.consumeSequence !== null) return book.chargeOf(row.consumeSequence);
  if (row?.type !== 'HOLD') return undefined;
  const charge = book.chargeOf(row.sequence);
  return charge.state === 'settled' ? charge : undefined;
}

/** Takes units of a hold for good and frees the rest. */
export function captureHold(book: Book, command: CaptureCommand, requestHash: Buffer): QuotaOutcome {
  const { holdId, amount, requestId, actor } = command;
  const { row, charge } = findOpenHold(book, holdId);
  if (amount > charge.units) {
    const description = `is more than the ${charge.units} units that the hold set aside`;
    throw platformErrors.INVALID_REQUEST({ fieldViolations: [{ field: 'amount', description }] });
  }
  book.expireDue(SYSTEM_ACTOR);
  const log = capture(book, charge, row, amount, { origin: 'caller', requestId, requestHash, actor });
  return answerAboutHold(book, row, log);
}

/** Frees all units of a hold. */
export function releaseHold(book: Book, command: ReleaseCommand, requestHash: Buffer): QuotaOutcome {
  const { holdId, requestId, actor, reason } = command;
  const { row, charge } = findOpenHold(book, holdId);
  book.expireDue(SYSTEM_ACTOR);
  const entry = { origin: 'caller', requestId, requestHash, actor, description: reason } as const;
  const log = giveBack(book, charge, row, charge.units, entry);
  return answerAboutHold(book, row, log);
}

function findOpenHold(book: Book, holdId: string): { readonly row: Posting; readonly charge: Charge } {
  const row = book.callerRow(holdId);
  if (row?.type !== 'HOLD') throw quotaErrors.HOLD_NOT_FOUND({ metadata: { hold_id: holdId } });
  const charge = book.chargeOf(row.sequence);
  if (charge.state !== 'open') throw quotaErrors.HOLD_NOT_OPEN({ metadata: { hold_id: holdId } });
  return { row, charge };
}

function answerAboutHold(book: Book, row: Posting, log: Posting): QuotaOutcome {
  const hold = { row, charge: book.chargeOf(row.sequence) };
  return { logs: [log], quotaRemaining: book.quotaRemaining, replayed: false, effectTime: book.now, hold };
}

/** Settles every open charge of a task by how it ended. */
export function reportOutcome(book: Book, command: OutcomeCommand, requestHash: Buffer): QuotaOutcome {
  const { taskId, outcome, requestId, actor } = command;
  const charges = book.chargesOfTask(taskId);
  if (charges.length === 0) throw quotaErrors.CONSUME_NOT_FOUND({ metadata: { task_id: taskId } });
  const open = charges.filter(({ state }) => state === 'open');
  const before = book.logSequence;
  const logs = open.flatMap((charge) => settle(book, charge, outcome, actor, `task ${outcome.toLowerCase()}`));
  const hasRows = book.logSequence > before;
  // Where nothing moved, no expiry was booked either: the balance may count units that can not be used any more.
  const quotaRemaining = usableUnits(book.lots, book.now);
  const { now: createTime } = book;
  book.addOutcome({
    ...{ requestId, requestHash, taskId, outcome, quotaRemaining, actor, createTime },
    chargesSettled: open.length,
    firstSequence: hasRows ? before + 1 : null,
    lastSequence: hasRows ? book.logSequence : null,
  });
  return { logs, quotaRemaining, replayed: false, effectTime: createTime, chargesSettled: open.length };
}

/** Settles one charge, as the sweeper found out how its task ended; one that somebody settled meanwhile stays as it is. */
export function settleCharge(book: Book, command: SettleCommand): QuotaOutcome {
  const { sequence, outcome, actor, reason } = command;
  const charge = book.chargeOf(sequence);
  const isOpen = charge.state === 'open';
  const logs = isOpen ? settle(book, charge, outcome, actor, reason) : [];
  const quotaRemaining = usableUnits(book.lots, book.now);
  return { logs, quotaRemaining, replayed: false, effectTime: book.now, chargesSettled: isOpen ? 1 : 0 };
}

/** FAILED: everything comes back. SUCCEEDED: a hold is captured in full, a consume stays. */
function settle(book: Book, charge: Charge, outcome: 'SUCCEEDED' | 'FAILED', actor: string, reason: string): Posting[] {
  const row = book.row(charge.sequence);
  if (row === undefined) throw new Error(`the row of charge ${charge.sequence} was not loaded`);
  if (outcome === 'SUCCEEDED' && charge.kind === 'consume') {
    book.changeCharge(charge.sequence, { state: 'settled', dueTime: null });
    return [];
  }
  book.expireDue(SYSTEM_ACTOR);
  const requestId = `settle:${charge.sequence}`;
  const requestHash = contentHash('SettleCharge', { sequence: charge.sequence, outcome });
  const entry = { origin: 'system', requestId, requestHash, actor, description: reason } as const;
  if (outcome === 'SUCCEEDED') return [capture(book, charge, row, charge.units, entry)];
  return [giveBack(book, charge, row, charge.units - charge.returned, entry)];
}

/** Who settles a charge, under which id, and why. */
type Settlement = Pick<Entry, 'origin' | 'requestId' | 'requestHash' | 'actor' | 'description'>;

function capture(book: Book, charge: Charge, holdRow: Posting, units: number, entry: Settlement): Posting {
  const freed = planReturn(holdRow.lots, 0, charge.units - units) ?? [];
  return move(book, charge, holdRow, { type: 'CAPTURE', lots: freed, units, entry });
}

function giveBack(book: Book, charge: Charge, row: Posting, units: number, entry: Settlement): Posting {
  const lots = planReturn(row.lots, charge.returned, units);
  if (lots === undefined) throw new Error(`charge ${charge.sequence} has no ${units} units to return`);
  const type = charge.kind === 'hold' && charge.state === 'open' ? 'RELEASE' : 'REFUND';
  return move(book, charge, row, { type, lots, units, entry });
}

interface Move {
  readonly type: PostingType;
  /** What comes back to the lots. */
  readonly lots: readonly LotChange[];
  readonly units: number;
  readonly entry: Settlement;
}

/** Posts one row that settles a charge: units come back, nothing is held for it any more. */
function move(book: Book, charge: Charge, row: Posting, { type, lots, units, entry }: Move): Posting {
  const isHeld = type !== 'REFUND';
  const { taskId, taskType } = row;
  const held = isHeld ? row.lots : [];
  const log = book.post({ ...entry, type, lots, held, units, consumeSequence: row.sequence, taskId, taskType });
  const returned = charge.returned + lots.reduce((sum, [, change]) => sum + change, 0);
  const state = type === 'RELEASE' ? 'released' : charge.state === 'open' ? 'settled' : charge.state;
  book.changeCharge(charge.sequence, { returned, state, dueTime: null });
  endWhatCameBackTooLate(book, charge.sequence, log);
  return log;
}

/** The balance after a row and its side effects: what its first answer said. */
export function balanceAfter(book: Book, row: Posting): number {
  const ids = new Set(sideEffectIds(row));
  let { quotaRemaining } = row;
  for (let next = book.row(row.sequence + 1); next?.origin === 'system'; next = book.row(next.sequence + 1)) {
    if (!ids.has(next.requestId)) break;
    ({ quotaRemaining } = next);
  }
  return quotaRemaining;
}
