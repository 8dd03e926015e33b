import assert from 'node:assert';
import { SYSTEM_ACTOR } from '../platform/calls';
import { appendAudit } from '../platform/db/audit-log';
import { appendEvents } from '../platform/db/outbox';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import { fen, type Fen } from '../platform/money';
import { addMs, later, MS_PER_MINUTE } from '../platform/time';
import { PaymentRow } from './payment.model';
import { tellPayment } from './record-payment';
import { RefundRow, type RefundCause } from './refund.model';
import { isCounted } from './refund-state';

/**
 * The one way in which a refund is written, under the locks of its user and order: nothing goes to WeChat Pay before that is
 * committed. Whoever opens one only decides what; sending it is the refund domain's.
 */

/** What to refund, and who wants it. */
export interface NewRefund {
  /** Becomes WeChat Pay's out_refund_no. */
  readonly id: string;
  readonly cause: RefundCause;
  readonly payment: PaymentRow;
  readonly amount: Fen;
  /** At most 80 bytes; the payer sees it. */
  readonly reason: string;
  /** An identity, or SYSTEM_ACTOR. */
  readonly requestedBy: string;
  /** What caused it: a request_id, a transaction_id, the refund it replaces. */
  readonly causedBy: string;
  readonly notifyUrl: string;
  /** The closed refund that it replaces. */
  readonly replaces?: string;
  /** What of the order's quota waits for its outcome. */
  readonly waiting?: Pick<RefundRow, 'frozenUnits' | 'freezeSequence' | 'pausedGrantTime'>;
  /** Until when another person has to approve it; absent: nobody has to, and it may be sent. */
  readonly approveDeadline?: Date;
}

/** What opening a refund is in the audit trail. */
const ACTIONS: Readonly<Record<RefundCause, string>> = {
  requested: 'RefundOrder',
  automatic: 'RefundUnawaitedPayment',
  external: 'RecordExternalRefund',
};

/** WeChat Pay wants a minute between two refunds of one order, from when it got the first; that is a little later. */
const PAUSE_MS = MS_PER_MINUTE + 5_000;

/** When a further refund of an order may first be sent, after those that could be sent from the given times on, oldest first. */
export function firstAttemptTime(earlier: readonly Date[], now: Date): Date {
  const [first, ...rest] = [...earlier, now];
  assert(first !== undefined);
  return rest.reduce((slot, openTime) => later(addMs(slot, PAUSE_MS), openTime), first);
}

/** From when on each refund could be sent, oldest first; none of one that was not approved. */
function openTimesOf(refunds: readonly RefundRow[]): readonly Date[] {
  const sendable = refunds.filter(
    ({ approveDeadline, decision }) => approveDeadline === null || decision === 'approved',
  );
  const times = sendable.map(({ createTime, decideTime }) => decideTime ?? createTime);
  return times.sort((one, other) => one.getTime() - other.getTime());
}

/** When a proposal that is approved now may first be sent, under the locks of user and order. */
export async function firstAttemptOf(tx: Tx, { id, orderId }: RefundRow, now: Date): Promise<Date> {
  const others = await RefundRow.query(tx).where({ orderId }).whereNot({ id });
  return firstAttemptTime(openTimesOf(others), now);
}

/**
 * Writes a refund as `created`, or as `proposed` where somebody has to approve it. That it fits into what its payment brought is the caller's to decide; here it is only made
 * sure. An external one happened already, so that only what went back before counts beside it.
 */
export async function openRefund(tx: Tx, refund: NewRefund, now: Date): Promise<RefundRow> {
  const { payment, waiting, causedBy, approveDeadline, ...told } = refund;
  const { id: paymentId, orderId, userId, transactionId, amount: total, currency } = payment;
  assert(transactionId !== null, `payment ${paymentId} brought nothing`);
  const earlier = await RefundRow.query(tx).where({ orderId }).orderBy(['createTime', 'id']);
  const beside = earlier.filter(
    ({ paymentId: other, status }) =>
      other === paymentId && (refund.cause === 'external' ? status === 'succeeded' : isCounted(status)),
  );
  const taken = beside.reduce((sum, { amount }) => sum + amount, 0);
  assert(taken + refund.amount <= total, `payment ${paymentId} would give back more than it brought`);
  const nothing = { frozenUnits: 0, freezeSequence: null, pausedGrantTime: null };
  const row = await RefundRow.query(tx).insert({
    ...told,
    ...{ orderId, userId, paymentId, transactionId, total, currency },
    replaces: refund.replaces ?? null,
    ...(waiting ?? nothing),
    status: approveDeadline === undefined ? 'created' : 'proposed',
    refundId: null,
    attempts: 0,
    nextAttemptTime: approveDeadline === undefined ? firstAttemptTime(openTimesOf(earlier), now) : null,
    createTime: now,
    successTime: null,
    applyTime: null,
    approveDeadline: approveDeadline ?? null,
    ...{ decision: null, decidedBy: null, decideTime: null, decisionReason: '' },
  });
  await trace(tx, row, causedBy, now);
  return row;
}

async function trace(tx: Tx, row: RefundRow, causedBy: string, now: Date): Promise<void> {
  const { id, orderId, userId, cause, amount, reason, replaces, frozenUnits, status, approveDeadline } = row;
  const entry = { action: ACTIONS[cause], actor: row.requestedBy, cause: causedBy, userId } as const;
  const replacing = replaces === null ? {} : { replaces };
  const after = { status, order_id: orderId, amount, reason, frozen_units: frozenUnits, ...replacing };
  await appendAudit(tx, [{ ...entry, subjectType: 'refund', subjectId: id, after }], now);
  const payload = { refund_id: id, order_id: orderId, amount };
  const event =
    approveDeadline === null
      ? { type: 'refund.requested', userId, payload: { ...payload, cause } }
      : { type: 'refund.proposed', userId, payload: { ...payload, approve_deadline: approveDeadline.toISOString() } };
  await appendEvents(tx, [event], now);
}

/**
 * Sends back, whole, money that its order was not waiting for: the payment goes from `received` to `refunding`. The caller
 * holds the locks of user and order, and has just recorded the payment.
 */
export async function openAutomaticRefund(
  tx: Tx,
  payment: PaymentRow,
  reason: string,
  notifyUrl: string,
  now: Date,
): Promise<RefundRow> {
  const received = PaymentRow.query(tx).where({ id: payment.id, status: 'received' });
  expectRows(await received.patch({ status: 'refunding' }), 1, `payment ${payment.id}`);
  await tellPayment(tx, payment, 'refunding', now);
  const by = { cause: 'automatic', requestedBy: SYSTEM_ACTOR, causedBy: payment.transactionId ?? '' } as const;
  return openRefund(tx, { id: mintId(now), ...by, payment, amount: fen(payment.amount), reason, notifyUrl }, now);
}
