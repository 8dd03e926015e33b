import { logOpenedAlerts, raiseAlert, type Alert } from '../alert';
import { orderErrors, OrderRow } from '../order';
import { findPayment, openRefund, type RefundRow, type RefundStatus } from '../payment';
import type { Caller } from '../platform/calls';
import { runCommand, type CommandResult } from '../platform/db/command';
import type { Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import type { Fen } from '../platform/money';
import { lockUserIfAny } from '../quota';
import { takeTurn } from './advance-refund';
import { judgeOrder } from './judge-order';
import { approveDeadlineOf, mayRefundAlone } from './refund-alone';
import type { RefundParts } from './refund-parts';
import { suspendSold } from './sold-by-order';

/** Refund an order. Amount 0: all that may go back. */
export interface RefundOrderCommand {
  readonly requestId: string;
  readonly userId: string;
  readonly orderId: string;
  readonly amount: Fen;
  readonly reason: string;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** What was asked for, now or before. */
export interface RequestedRefund extends CommandResult<{ readonly refundId: string }> {
  /** The refund, for the caller to send; absent where it was asked for before, or has to wait. */
  readonly taken: RefundRow | undefined;
  /** What it was written as. */
  readonly status: RefundStatus;
}

type Parts = Pick<
  RefundParts,
  'db' | 'log' | 'notifyUrl' | 'compensationGraceDays' | 'wechatpayTimeoutMs' | 'aloneLimits'
>;

/**
 * Writes a refund and sets aside what it will end, in one transaction under the locks of user and order: the sum of all
 * refunds is judged there, so that several at once never take more than was paid (lesson 39). Sending it comes after the
 * commit (advance-refund.ts). What one person may not give back alone is only proposed: it sets aside the same, and waits for
 * another person (decide-refund.ts). Refuses in the order that the proto documents.
 */
export async function refundOrder(parts: Parts, command: RefundOrderCommand): Promise<RequestedRefund> {
  const { userId, orderId, amount, reason, requestId, now, signal } = command;
  const key = { service: 'OrderService', owner: `user:${userId}`, requestId, kind: 'RefundOrder' };
  const content = { user_id: userId, order_id: orderId, amount, reason };
  let taken: RefundRow | undefined;
  let status: RefundStatus = 'created';
  let alerts: readonly Alert[] = [];
  const result = await runCommand(
    parts.db,
    { ...key, content, now, signal },
    {
      lock: (tx) => {
        taken = undefined;
        return lockOwnOrder(tx, userId, orderId);
      },
      run: async (tx, order) => {
        const refund = await openRequested(tx, parts, order, command);
        status = refund.status;
        taken = await takeTurn(tx, parts, refund, now);
        alerts = status === 'proposed' ? await tellPeople(tx, refund, now) : [];
        // openRefund has written the audit row and the event.
        return { response: { refundId: refund.id }, audit: [], events: [] };
      },
    },
  );
  if (!result.replayed) logOpenedAlerts(parts.log, alerts);
  return { ...result, taken, status };
}

/** Somebody has to look at a proposal, and everything else waits for that. */
function tellPeople(tx: Tx, { id, userId, orderId, amount }: RefundRow, now: Date): Promise<readonly Alert[]> {
  const about = { subjectType: 'refund', subjectId: id, userId, details: { order_id: orderId, amount } } as const;
  return raiseAlert(tx, { kind: 'refund_proposed', severity: 'warning', ...about }, now);
}

async function lockOwnOrder(tx: Tx, userId: string, orderId: string): Promise<OrderRow> {
  const user = await lockUserIfAny(tx, userId);
  const order = user && (await OrderRow.query(tx).findById(orderId).where({ userId }).forUpdate());
  if (order === undefined) throw orderErrors.ORDER_NOT_FOUND({ metadata: { order_id: orderId } });
  return order;
}

async function openRequested(
  tx: Tx,
  parts: Parts,
  order: OrderRow,
  { amount: asked, reason, caller, requestId: causedBy, now }: RefundOrderCommand,
): Promise<RefundRow> {
  const part = await judgeOrder(tx, order, asked, now);
  const payment = await findPayment(tx, order.transactionId ?? '');
  if (payment === undefined) throw new Error(`order ${order.id} was paid by nothing`);
  const { notifyUrl, compensationGraceDays, aloneLimits } = parts;
  const { amount } = part;
  const refundId = mintId(now);
  const waiting = await suspendSold(tx, order, part, { refundId, compensationGraceDays }, now);
  const isAlone = await mayRefundAlone(tx, aloneLimits, { order, amount, caller }, now);
  const by = { cause: 'requested', requestedBy: caller.identity, causedBy } as const;
  const refund = { id: refundId, ...by, payment, amount, reason, notifyUrl, waiting };
  return openRefund(tx, isAlone ? refund : { ...refund, approveDeadline: approveDeadlineOf(now) }, now);
}
