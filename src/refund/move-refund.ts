import { raiseAlert, resolveAlert, type Alert, type AlertKey } from '../alert';
import { countRefund, returnCouponOf, type OrderRow } from '../order';
import {
  firstAttemptOf,
  isOpen,
  nextRefundStatus,
  openRefund,
  PaymentRow,
  RefundRow,
  type RefundDecision,
  type RefundEvent,
  type RefundStatus,
  tellPayment,
} from '../payment';
import { SYSTEM_ACTOR } from '../platform/calls';
import { appendAudit } from '../platform/db/audit-log';
import { appendEvents } from '../platform/db/outbox';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import { fen, type Fen } from '../platform/money';
import { nextAttemptAfter } from './refund-pace';
import { NO_EFFECTS, type RefundEffects } from './refund-parts';
import { endSold, restoreSold } from './sold-by-order';

/** A refund with what it is of; all under the locks of user and order. */
export interface LockedRefund {
  readonly order: OrderRow;
  readonly payment: PaymentRow;
  readonly refund: RefundRow;
}

/** What happened to a refund. */
export interface RefundMove {
  readonly event: RefundEvent;
  /** WeChat Pay's id of the refund, where it told one. */
  readonly refundId?: string;
  /** When the money went back. */
  readonly successTime?: Date;
  /** WeChat Pay's code where it refused. */
  readonly code?: string;
  /** Who decided on a proposal; of nothing else. */
  readonly decided?: {
    readonly decision: RefundDecision;
    /** The identity, or SYSTEM_ACTOR. */
    readonly identity: string;
    /** Why it was rejected. */
    readonly reason?: string;
    /** The request that told so. */
    readonly cause: string;
    /** Whether nobody but who proposed it had a say: then nothing lives longer for having been proposed. */
    readonly isTakenBack: boolean;
  };
}

/** What a decision is in the audit trail. */
const DECISIONS: Readonly<Record<RefundDecision, string>> = {
  approved: 'ApproveRefund',
  rejected: 'RejectRefund',
  expired: 'ExpireRefund',
};

/** How often money that nobody waited for is sent back anew after WeChat Pay closed its refund. */
const REPLACEMENTS_MAX = 5;

/**
 * The one way in which a refund moves, with all that follows from it, in one transaction. Undefined where the event changes
 * nothing or may not happen. The caller tells the effects after the commit.
 */
export async function moveRefund(
  tx: Tx,
  locked: LockedRefund,
  move: RefundMove,
  now: Date,
): Promise<RefundEffects | undefined> {
  const { refund } = locked;
  const status = nextRefundStatus(refund.status, move.event);
  if (status === undefined) return undefined;
  const isOver = status === 'closed' || status === 'failed';
  const end = move.decided?.isTakenBack === true ? 'lapse' : 'thaw';
  const expiredUnits = isOver ? await restoreSold(tx, refund, end, now) : 0;
  await writeStatus(tx, refund, status, { ...move, expiredUnits }, now);
  const news = await consequences(tx, locked, status, now);
  const alerts = await writeAlerts(tx, locked, status, { ...move, ...news }, now);
  if (news.isOrderRefunded) await returnCouponOf(tx, locked.order, now);
  const entered = [{ cause: refund.cause, status }, ...(news.isReplaced ? [REPLACEMENT] : [])];
  return { entered, alerts, isOrderRefunded: news.isOrderRefunded };
}

const REPLACEMENT = { cause: 'automatic', status: 'created' } as const;

async function writeStatus(
  tx: Tx,
  refund: RefundRow,
  status: RefundStatus,
  move: RefundMove & { readonly expiredUnits: number },
  now: Date,
): Promise<void> {
  const { id, orderId, userId, amount, cause } = refund;
  const { refundId, successTime, code, decided, expiredUnits } = move;
  const patch = {
    status,
    nextAttemptTime: await nextAttemptOf(tx, refund, status, now),
    ...(refundId === undefined ? {} : { refundId }),
    ...(isOpen(status) ? {} : { applyTime: now }),
    ...(status === 'succeeded' ? { successTime: successTime ?? now } : {}),
    ...(decided === undefined ? {} : decisionOf(decided, now)),
  };
  expectRows(await RefundRow.query(tx).where({ id, status: refund.status }).patch(patch), 1, `refund ${id}`);
  const subject = { subjectType: 'refund', subjectId: id, userId } as const;
  const by =
    decided === undefined
      ? { action: 'MoveRefund', actor: SYSTEM_ACTOR, cause: refundId ?? id }
      : { action: DECISIONS[decided.decision], actor: decided.identity, cause: decided.cause };
  const why = code === undefined ? {} : { wechatpay_code: code };
  const lost = expiredUnits === 0 ? {} : { expired_units: expiredUnits };
  const words = decided === undefined ? { wechatpay_refund_id: refundId ?? refund.refundId, ...why } : wordsOf(decided);
  const told = { ...words, ...lost };
  await appendAudit(tx, [{ ...by, ...subject, before: { status: refund.status }, after: { status, ...told } }], now);
  const payload = { refund_id: id, order_id: orderId, amount };
  const event =
    status === 'created'
      ? { type: 'refund.requested', userId, payload: { ...payload, cause } }
      : { type: `refund.${status}`, userId, payload };
  await appendEvents(tx, [event], now);
}

/** When it is sent or asked about next. */
async function nextAttemptOf(tx: Tx, refund: RefundRow, status: RefundStatus, now: Date): Promise<Date | null> {
  if (status === 'created') return firstAttemptOf(tx, refund, now);
  return isOpen(status) ? nextAttemptAfter(refund.attempts, now) : null;
}

function decisionOf({ decision, identity, reason }: NonNullable<RefundMove['decided']>, now: Date) {
  return { decision, decidedBy: identity, decideTime: now, decisionReason: reason ?? '' };
}

function wordsOf({ decision, reason }: NonNullable<RefundMove['decided']>): Readonly<Record<string, string>> {
  return { decision, ...(reason === undefined ? {} : { reason }) };
}

/** What a status brought about beyond the refund itself. */
interface Consequences {
  readonly isOrderRefunded: boolean;
  readonly isPaymentRefunded: boolean;
  readonly isReplaced: boolean;
}

const NOTHING_MORE: Consequences = { isOrderRefunded: false, isPaymentRefunded: false, isReplaced: false };

async function consequences(tx: Tx, locked: LockedRefund, status: RefundStatus, now: Date): Promise<Consequences> {
  if (status === 'succeeded') return moneyWentBack(tx, locked, now);
  const isReplaced = status === 'closed' && (await replace(tx, locked, now));
  return { ...NOTHING_MORE, isReplaced };
}

/** What of a payment went back. */
export async function sumWentBack(tx: Tx, paymentId: string): Promise<Fen> {
  const refunds = await RefundRow.query(tx).where({ paymentId, status: 'succeeded' });
  return fen(refunds.reduce((sum, { amount }) => sum + amount, 0));
}

async function moneyWentBack(tx: Tx, { order, payment, refund }: LockedRefund, now: Date): Promise<Consequences> {
  const amount = await sumWentBack(tx, payment.id);
  const isFull = amount === payment.amount;
  if (payment.status === 'applied') {
    const part = { amount: fen(refund.amount), paid: fen(payment.amount), isFull };
    const period = await endSold(tx, order, refund, part, now);
    await countRefund(tx, order, { refundedAmount: amount, refundId: refund.id, period }, now);
    return { ...NOTHING_MORE, isOrderRefunded: isFull };
  }
  if (!isFull) return NOTHING_MORE;
  const paid = PaymentRow.query(tx).where({ id: payment.id, status: payment.status });
  expectRows(await paid.patch({ status: 'refunded' }), 1, `payment ${payment.id}`);
  await tellPayment(tx, payment, 'refunded', now);
  return { ...NOTHING_MORE, isPaymentRefunded: true };
}

/** Money that no order waits for must go back: under a new number, because a closed one is never taken again. */
async function replace(tx: Tx, { payment, refund }: LockedRefund, now: Date): Promise<boolean> {
  if (refund.cause !== 'automatic') return false;
  const tried = await RefundRow.query(tx).where({ paymentId: payment.id, cause: 'automatic' }).resultSize();
  if (tried > REPLACEMENTS_MAX) return false;
  const { id: replaces, reason, notifyUrl } = refund;
  const told = { cause: 'automatic', requestedBy: SYSTEM_ACTOR, causedBy: replaces, reason, notifyUrl } as const;
  await openRefund(tx, { id: mintId(now), ...told, replaces, payment, amount: fen(refund.amount) }, now);
  return true;
}

/** Alerts of a refund that its next word settles, whatever that is. */
const SETTLED_BY_NEWS = ['refund_delayed'] as const;
/** And those that only its end settles. */
const SETTLED_BY_END = ['refund_abnormal'] as const;
/** And those that a decision on a proposal settles. */
const SETTLED_BY_DECISION = ['refund_proposed'] as const;

async function writeAlerts(
  tx: Tx,
  { order, payment, refund }: LockedRefund,
  status: RefundStatus,
  news: Consequences & Pick<RefundMove, 'code' | 'decided'>,
  now: Date,
): Promise<readonly Alert[]> {
  const subject = { subjectType: 'refund', subjectId: refund.id } as const;
  const byDecision = news.decided === undefined ? [] : SETTLED_BY_DECISION;
  const settled = [...SETTLED_BY_NEWS, ...(isOpen(status) ? [] : SETTLED_BY_END), ...byDecision];
  const ended: AlertKey[] = settled.map((kind) => ({ kind, ...subject }));
  if (news.isPaymentRefunded) {
    ended.push({ kind: 'payment_not_awaited', subjectType: 'payment', subjectId: payment.id });
  }
  for (const key of ended) await resolveAlert(tx, key, `refund_${news.decided?.decision ?? status}`, now);

  const about = { userId: refund.userId, details: detailsOf(refund, news.code) };
  const opened: Alert[] = [];
  const raise = async (alert: Omit<Alert, keyof typeof about>): Promise<void> => {
    opened.push(...(await raiseAlert(tx, { ...alert, ...about }, now)));
  };
  const isGivenUp = status === 'closed' && !news.isReplaced && news.decided === undefined;
  if (isGivenUp) await raise({ kind: 'refund_closed', severity: 'warning', ...subject });
  if (status === 'abnormal') await raise({ kind: 'refund_abnormal', severity: 'critical', ...subject });
  if (status === 'failed') await raise({ kind: 'refund_failed', severity: 'critical', ...subject });
  if (status === 'succeeded' && payment.status === 'applied' && order.invoiceReference !== null) {
    const invoiced = { subjectType: 'order', subjectId: order.id } as const;
    await raise({ kind: 'invoice_of_refunded_order', severity: 'warning', ...invoiced });
  }
  return opened;
}

function detailsOf({ orderId, amount, cause }: RefundRow, code: string | undefined): Alert['details'] {
  return { order_id: orderId, amount, cause, ...(code === undefined ? {} : { wechatpay_code: code }) };
}

/** Joins what two steps of one transaction did. */
export function bothEffects(first: RefundEffects, second: RefundEffects = NO_EFFECTS): RefundEffects {
  return {
    entered: [...first.entered, ...second.entered],
    alerts: [...first.alerts, ...second.alerts],
    isOrderRefunded: first.isOrderRefunded || second.isOrderRefunded,
  };
}
