import { orderErrors, OrderRow } from '../order';
import { findPayment, openRefund, type RefundRow } from '../payment';
import type { Caller } from '../platform/calls';
import { runCommand, type CommandResult } from '../platform/db/command';
import type { Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import type { Fen } from '../platform/money';
import { lockUserIfAny } from '../quota';
import { takeTurn } from './advance-refund';
import { judgeOrder } from './judge-order';
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
}

type Parts = Pick<RefundParts, 'db' | 'notifyUrl' | 'compensationGraceDays' | 'wechatpayTimeoutMs'>;

/**
 * Writes a refund and sets aside what it will end, in one transaction under the locks of user and order: the sum of all
 * refunds is judged there, so that several at once never take more than was paid (lesson 39). Sending it comes after the
 * commit (advance-refund.ts). Refuses in the order that the proto documents.
 */
export async function refundOrder(parts: Parts, command: RefundOrderCommand): Promise<RequestedRefund> {
  const { userId, orderId, amount, reason, requestId, now, signal } = command;
  const key = { service: 'OrderService', owner: `user:${userId}`, requestId, kind: 'RefundOrder' };
  const content = { user_id: userId, order_id: orderId, amount, reason };
  let taken: RefundRow | undefined;
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
        taken = await takeTurn(tx, parts, refund, now);
        // openRefund has written the audit row and the event.
        return { response: { refundId: refund.id }, audit: [], events: [] };
      },
    },
  );
  return { ...result, taken };
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
  const { notifyUrl, compensationGraceDays } = parts;
  const refundId = mintId(now);
  const waiting = await suspendSold(tx, order, part, { refundId, compensationGraceDays }, now);
  const by = { cause: 'requested', requestedBy: caller.identity, causedBy } as const;
  const refund = { id: refundId, ...by, payment, amount: part.amount, reason, notifyUrl, waiting };
  return openRefund(tx, refund, now);
}
