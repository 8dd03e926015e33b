import type { Knex } from 'knex';
import type { OrderRow } from '../order';
import { isCounted, RefundRow } from '../payment';
import { fen, type Fen } from '../platform/money';
import { judgeRefund, type RefundPart } from './refund-policy';
import { refundErrors } from './refund.errors';

/** A refund that may be made of an order. */
export interface AllowedRefund extends RefundPart {
  readonly refundable: Fen;
}

/**
 * What may go back of an order, by its refunds as they are; asked for 0 fen, all that may. Throws ORDER_NOT_REFUNDABLE. Only
 * what paid the order counts: money that it was not waiting for goes back on its own.
 */
export async function judgeOrder(reader: Knex, order: OrderRow, asked: Fen, now: Date): Promise<AllowedRefund> {
  const { id: orderId, transactionId, paidTime } = order;
  const refunds = transactionId === null ? [] : await RefundRow.query(reader).where({ orderId, transactionId });
  const counted = refunds.filter(({ status }) => isCounted(status));
  const taken = fen(counted.reduce((sum, { amount }) => sum + amount, 0));
  const paid = fen(order.finalAmount);
  const judged = judgeRefund({ paidTime, paid, taken, refunds: counted.length }, asked, now);
  if (judged.kind === 'refundable') return { ...judged, paid };
  const { why, refundable } = judged;
  throw refundErrors.ORDER_NOT_REFUNDABLE({ metadata: { order_id: orderId, why, refundable: String(refundable) } });
}
