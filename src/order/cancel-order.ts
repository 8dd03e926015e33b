import type { Caller } from '../platform/calls';
import { runCommand } from '../platform/db/command';
import { lockUser } from '../quota';
import { checkOrder, type CheckBudget, type CheckOrderParts } from './check-order';
import { moveLocked } from './move-order';
import { orderErrors } from './order.errors';
import { OrderRow } from './order.model';
import { readOrder } from './order.queries';

/** Give up an order that waits for payment. */
export interface CancelOrderCommand {
  readonly requestId: string;
  readonly userId: string;
  readonly orderId: string;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/**
 * Closes an order that waits for payment: from the commit on no payment is opened for it, then WeChat Pay is told, as far
 * as the budget goes; the job finishes what is left. Returns the order as it is then: closed, closing still, or paid where
 * the payer was faster. Throws ORDER_NOT_FOUND, REQUEST_ID_REUSED, ORDER_NOT_CANCELLABLE; WeChat Pay being away is no error.
 */
export async function cancelOrder(
  parts: CheckOrderParts,
  command: CancelOrderCommand,
  budget: CheckBudget,
): Promise<{ readonly order: OrderRow; readonly replayed: boolean }> {
  const { requestId, userId, orderId, caller, now, signal } = command;
  const key = { service: 'OrderService', owner: `user:${userId}`, requestId, kind: 'CancelOrder' };
  await readOrder(parts.db, userId, orderId);
  let isMoved = false;
  const { replayed } = await runCommand(
    parts.db,
    { ...key, content: { user_id: userId, order_id: orderId }, now, signal },
    {
      lock: async (tx) => {
        await lockUser(tx, userId);
        return OrderRow.query(tx).findById(orderId).forUpdate().throwIfNotFound();
      },
      run: async (tx, order) => {
        const { status } = order;
        const audit = { action: 'CancelOrder', actor: caller.identity, cause: requestId };
        const move = { event: 'close_requested', closeReason: 'cancelled', audit } as const;
        isMoved = (await moveLocked(tx, order, move, now)) !== undefined;
        if (!isMoved && status !== 'closing') {
          throw orderErrors.ORDER_NOT_CANCELLABLE({ metadata: { order_id: orderId, status } });
        }
        return { response: { orderId }, audit: [], events: [] };
      },
    },
  );
  if (isMoved && !replayed) parts.onStatus('closing');
  return { order: await closeNow(parts, userId, orderId, budget), replayed };
}

/** Closes the order at WeChat Pay at once, if that is possible; the job does it otherwise. */
async function closeNow(
  parts: CheckOrderParts,
  userId: string,
  orderId: string,
  budget: CheckBudget,
): Promise<OrderRow> {
  const order = await readOrder(parts.db, userId, orderId);
  if (order.status !== 'closing') return order;
  try {
    return await checkOrder(parts, orderId, budget);
  } catch (error) {
    parts.log.warn({ err: error, orderId }, 'an order is closed later');
    return readOrder(parts.db, userId, orderId);
  }
}
