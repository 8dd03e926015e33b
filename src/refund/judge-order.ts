import assert from 'node:assert';
import type { Knex } from 'knex';
import { readSpokenFor, type OrderRow } from '../order';
import { fen, type Fen } from '../platform/money';
import { judgeRefund, type RefundPart } from './refund-policy';
import { refundErrors } from './refund.errors';

/** A refund that may be made of an order. */
export interface AllowedRefund extends RefundPart {
  readonly refundable: Fen;
}

/**
 * What may go back of an order, by its refunds and what upgrades credit of it, as they are; asked for 0 fen, all that may.
 * Throws ORDER_NOT_REFUNDABLE. Only what paid the order counts: money that it was not waiting for goes back on its own.
 */
export async function judgeOrder(reader: Knex, order: OrderRow, asked: Fen, now: Date): Promise<AllowedRefund> {
  const { id: orderId, paidTime } = order;
  const spokenFor = (await readSpokenFor(reader, [order])).get(orderId);
  assert(spokenFor !== undefined, `order ${orderId} was not looked up`);
  const { taken, refunds, credited, openUpgradeId } = spokenFor;
  const paid = fen(order.finalAmount);
  const isUpgradeOpen = openUpgradeId !== undefined;
  const judged = judgeRefund({ paidTime, paid, taken, refunds, credited, isUpgradeOpen }, asked, now);
  if (judged.kind === 'refundable') return { ...judged, paid };
  const { why, refundable } = judged;
  throw refundErrors.ORDER_NOT_REFUNDABLE({ metadata: { order_id: orderId, why, refundable: String(refundable) } });
}
