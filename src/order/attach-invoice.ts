import type { Caller } from '../platform/calls';
import { runCommand, type CommandResult } from '../platform/db/command';
import type { Database } from '../platform/db/database';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import type { Logger } from '../platform/log';
import { logOpenedAlerts, raiseAlert, type Alert } from '../alert';
import { lockUser } from '../quota';
import { orderErrors } from './order.errors';
import { OrderRow } from './order.model';
import { readOrder } from './order.queries';

/** Note which invoice was issued for an order. */
export interface AttachInvoiceCommand {
  readonly requestId: string;
  readonly userId: string;
  readonly orderId: string;
  /** The invoice's number or code. */
  readonly invoiceReference: string;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * Notes the invoice (发票) on an order that money came for; another one takes the place of the first, and the audit trail
 * keeps both. An invoice of money that went back needs people: it has to be corrected. Throws ORDER_NOT_FOUND,
 * ORDER_NOT_PAID.
 */
export async function attachInvoice(
  db: Database,
  command: AttachInvoiceCommand,
): Promise<CommandResult<{ readonly orderId: string }>> {
  const { requestId, userId, orderId, invoiceReference, now, signal } = command;
  // Order and user never change their tie: this look needs no lock.
  await readOrder(db, userId, orderId);
  const key = { service: 'OrderService', owner: `user:${userId}`, requestId, kind: 'AttachInvoice' };
  const content = { user_id: userId, order_id: orderId, invoice_reference: invoiceReference };
  let opened: readonly Alert[] = [];
  const result = await runCommand(
    db,
    { ...key, content, now, signal },
    {
      lock: async (tx) => {
        await lockUser(tx, userId);
        return OrderRow.query(tx).findById(orderId).forUpdate().throwIfNotFound();
      },
      run: async (tx, order) => {
        const { status, transactionId } = order;
        if (transactionId === null) throw orderErrors.ORDER_NOT_PAID({ metadata: { order_id: orderId, status } });
        const changed = await OrderRow.query(tx).findById(orderId).patch({ invoiceReference });
        expectRows(changed, 1, `order ${orderId}`);
        const subject = { subjectType: 'order', subjectId: orderId, userId } as const;
        const before = { invoice_reference: order.invoiceReference };
        const after = { invoice_reference: invoiceReference };
        const entry = { action: 'AttachInvoice', actor: command.caller.identity, ...subject, cause: requestId };
        return {
          response: { orderId },
          audit: [{ ...entry, before, after }],
          events: [{ type: 'order.invoice_attached', userId, payload: { order_id: orderId, ...after } }],
          countLast: async (last) => {
            opened = await alertIfRefunded(last, order, invoiceReference, now);
          },
        };
      },
    },
  );
  logOpenedAlerts(command.log, opened);
  return result;
}

/** Tells people of an invoice for money that went back already. */
async function alertIfRefunded(
  tx: Tx,
  { id, userId, refundedAmount }: OrderRow,
  invoiceReference: string,
  now: Date,
): Promise<readonly Alert[]> {
  if (refundedAmount === 0) return [];
  const subject = { kind: 'invoice_of_refunded_order', subjectType: 'order', subjectId: id, userId } as const;
  const details = { invoice_reference: invoiceReference, refunded_amount: refundedAmount };
  return raiseAlert(tx, { ...subject, severity: 'warning', details }, now);
}
