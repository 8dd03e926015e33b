import { OrderRow } from '../order';
import { findPayment, RefundRow, type RefundDecision } from '../payment';
import { SYSTEM_ACTOR, type Caller } from '../platform/calls';
import { runCommand, type CommandResult } from '../platform/db/command';
import { withTx, type Tx } from '../platform/db/tx';
import { isFirstPerson, secondPersonRequired } from '../platform/second-person';
import { lockUser } from '../quota';
import { takeTurn } from './advance-refund';
import { moveRefund, sumWentBack, type LockedRefund, type RefundMove } from './move-refund';
import { NO_EFFECTS, tellEffects, type RefundEffects, type RefundParts } from './refund-parts';
import { refundErrors } from './refund.errors';

/** What becomes of a refund that one person may not make alone: another person approves or rejects it, or its time runs out. */

/** Who decides, and when. */
interface ByPerson {
  readonly requestId: string;
  readonly refundId: string;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

export type ApproveRefundCommand = ByPerson;

export interface RejectRefundCommand extends ByPerson {
  readonly reason: string;
}

interface Decided {
  readonly refundId: string;
}

/** What an approval did. */
export interface ApprovedRefund extends CommandResult<Decided> {
  /** The refund, for the caller to send; absent where it was approved before, or has to wait. */
  readonly taken: RefundRow | undefined;
}

/**
 * Agrees to a proposal, for somebody other than who proposed it, in whatever role: from then on it is a refund like any other,
 * and is sent after the commit. Throws, in this order, REFUND_NOT_FOUND, REQUEST_ID_REUSED, REFUND_NOT_PROPOSED,
 * SECOND_PERSON_REQUIRED, ORDER_NOT_REFUNDABLE (more went back in the merchant portal meanwhile).
 */
export async function approveRefund(parts: RefundParts, command: ApproveRefundCommand): Promise<ApprovedRefund> {
  const { refundId, requestId, caller, now } = command;
  let effects = NO_EFFECTS;
  let taken: RefundRow | undefined;
  const result = await runCommand(parts.db, commandOf('ApproveRefund', command, { refund_id: refundId }), {
    lock: (tx) => {
      taken = undefined;
      return lockRefund(tx, refundId);
    },
    run: async (tx, locked) => {
      refuseDecided(locked.refund, now);
      const proposers = [locked.refund.requestedBy];
      if (isFirstPerson(caller, proposers)) throw secondPersonRequired({ refund_id: refundId }, proposers);
      await refuseOvertaken(tx, locked);
      const by = { identity: caller.identity, cause: requestId, isTakenBack: false };
      effects = await decide(tx, locked, 'approved', by, now);
      taken = await takeTurn(tx, parts, await RefundRow.query(tx).findById(refundId).throwIfNotFound(), now);
      return answerOf(refundId);
    },
  });
  if (!result.replayed) tellEffects(parts, effects);
  return { ...result, taken };
}

/**
 * Refuses a proposal for good; whoever proposed it may take it back so, too, because no money moves. What was set aside is free
 * again; of what expired meanwhile nothing is given again if it was taken back: one person alone would make units live longer.
 * Throws, in this order, REFUND_NOT_FOUND, REQUEST_ID_REUSED, REFUND_NOT_PROPOSED.
 */
export async function rejectRefund(parts: RefundParts, command: RejectRefundCommand): Promise<CommandResult<Decided>> {
  const { refundId, requestId, caller, reason, now } = command;
  let effects = NO_EFFECTS;
  const result = await runCommand(parts.db, commandOf('RejectRefund', command, { refund_id: refundId, reason }), {
    lock: (tx) => lockRefund(tx, refundId),
    run: async (tx, locked) => {
      refuseDecided(locked.refund, now);
      const isTakenBack = isFirstPerson(caller, [locked.refund.requestedBy]);
      const by = { identity: caller.identity, cause: requestId, reason, isTakenBack };
      effects = await decide(tx, locked, 'rejected', by, now);
      return answerOf(refundId);
    },
  });
  if (!result.replayed) tellEffects(parts, effects);
  return result;
}

/** Ends a proposal whose time is over, if nobody has decided on it. */
export async function expireProposal(parts: RefundParts, refundId: string): Promise<void> {
  const effects = await withTx(parts.db, { name: 'ExpireRefund' }, async (tx) => {
    const now = parts.clock.now();
    const locked = await lockRefund(tx, refundId);
    if (locked.refund.status !== 'proposed' || !isOver(locked.refund, now)) return NO_EFFECTS;
    return decide(tx, locked, 'expired', { identity: SYSTEM_ACTOR, cause: refundId, isTakenBack: false }, now);
  });
  tellEffects(parts, effects);
}

/** A command under the caller's own ids, as no user is named. */
function commandOf(kind: string, command: ByPerson, content: Readonly<Record<string, string>>) {
  const { caller, requestId, now, signal } = command;
  return { service: 'OrderService', owner: `caller:${caller.identity}`, requestId, kind, content, now, signal };
}

const answerOf = (refundId: string) => ({ response: { refundId }, audit: [], events: [] });

/** Under the locks of user and order; whose it is never changes. Throws REFUND_NOT_FOUND. */
async function lockRefund(tx: Tx, refundId: string): Promise<LockedRefund> {
  const found = await RefundRow.query(tx).findById(refundId);
  if (found === undefined) throw refundErrors.REFUND_NOT_FOUND({ metadata: { refund_id: refundId } });
  await lockUser(tx, found.userId);
  const order = await OrderRow.query(tx).findById(found.orderId).forUpdate().throwIfNotFound();
  const refund = await RefundRow.query(tx).findById(refundId).throwIfNotFound();
  const payment = await findPayment(tx, refund.transactionId);
  if (payment === undefined) throw new Error(`refund ${refundId} is of no payment`);
  return { order, payment, refund };
}

function isOver({ approveDeadline }: RefundRow, now: Date): boolean {
  return approveDeadline !== null && approveDeadline.getTime() <= now.getTime();
}

function refuseDecided(refund: RefundRow, now: Date): void {
  const { id, status } = refund;
  const stands = status === 'proposed' && isOver(refund, now) ? 'expired' : (refund.decision ?? status);
  if (stands === 'proposed') return;
  throw refundErrors.REFUND_NOT_PROPOSED({ metadata: { refund_id: id, status: stands } });
}

/** What somebody gave back in the merchant portal since may have left less than was proposed. */
async function refuseOvertaken(tx: Tx, { order, payment, refund }: LockedRefund): Promise<void> {
  const refundable = Math.max(0, payment.amount - (await sumWentBack(tx, payment.id)));
  if (refund.amount <= refundable) return;
  const metadata = { order_id: order.id, why: 'exceeds_paid', refundable: String(refundable) };
  throw refundErrors.ORDER_NOT_REFUNDABLE({ metadata });
}

async function decide(
  tx: Tx,
  locked: LockedRefund,
  decision: RefundDecision,
  by: Omit<NonNullable<RefundMove['decided']>, 'decision'>,
  now: Date,
): Promise<RefundEffects> {
  const event = decision === 'approved' ? 'approved' : 'rejected';
  const effects = await moveRefund(tx, locked, { event, decided: { decision, ...by } }, now);
  if (effects === undefined) throw new Error(`refund ${locked.refund.id} is no proposal`);
  return effects;
}
