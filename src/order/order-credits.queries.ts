import type { Knex } from 'knex';
import { fen, type Fen } from '../platform/money';
import { isCounted, isOpen, RefundRow } from '../payment';
import { OrderCreditRow } from './order-credit.model';
import type { OrderRow } from './order.model';
import type { OrderStatus } from './order-state';

/** What became of an order's payment, as far as it is not the order's any more. */
export interface SpokenFor {
  /** What went back, or is on its way. */
  readonly taken: Fen;
  /** How many refunds that is. */
  readonly refunds: number;
  /** Whether the outcome of one of them is not known yet. */
  readonly hasOpenRefund: boolean;
  /** What upgrades credit that were paid, and not refunded in full while no other stands on them. */
  readonly credited: Fen;
  /** An upgrade that credits of it and waits for payment. */
  readonly openUpgradeId: string | undefined;
}

const WAITING: readonly OrderStatus[] = ['created', 'pending', 'closing'];

interface CreditInForce {
  readonly creditedOrderId: string;
  readonly orderId: string;
  readonly amount: number;
  readonly status: OrderStatus;
}

/**
 * Credits of these orders by upgrades that were paid or may be. One that somebody refunded in full in the merchant portal keeps
 * what it credited for as long as another upgrade stands on it.
 */
async function readCreditsInForce(reader: Knex, orderIds: readonly string[]): Promise<readonly CreditInForce[]> {
  return reader('order_credits')
    .join('orders', 'orders.id', 'order_credits.order_id')
    .whereIn('order_credits.credited_order_id', orderIds)
    .where((inForce) => {
      void inForce
        .whereIn('orders.status', [...WAITING, 'paid'])
        .orWhere((stoodOn) => void stoodOn.where('orders.status', 'refunded').whereExists(paidUpgradeOn(reader)));
    })
    .select<CreditInForce[]>('order_credits.credited_order_id', 'order_credits.order_id', 'order_credits.amount')
    .select('orders.status');
}

/** A paid upgrade that credits the order of the query around it. */
function paidUpgradeOn(reader: Knex) {
  return reader('order_credits as next')
    .join('orders as upgrade', 'upgrade.id', 'next.order_id')
    .whereRaw('next.credited_order_id = orders.id')
    .where('upgrade.status', 'paid')
    .select(reader.raw('1'));
}

const isWaiting = ({ status }: CreditInForce): boolean => WAITING.includes(status);

const sumOf = (rows: readonly { readonly amount: number }[]): Fen =>
  fen(rows.reduce((sum, { amount }) => sum + amount, 0));

/**
 * What is spoken for of the payments of these orders. Only refunds of what paid an order count: money that it was not
 * waiting for goes back on its own.
 */
export async function readSpokenFor(
  reader: Knex,
  orders: readonly Pick<OrderRow, 'id' | 'transactionId'>[],
): Promise<ReadonlyMap<string, SpokenFor>> {
  const ids = orders.map(({ id }) => id);
  const refunds = await RefundRow.query(reader).whereIn('orderId', ids);
  const credits = await readCreditsInForce(reader, ids);
  return new Map(
    orders.map(({ id, transactionId }) => {
      const own = refunds.filter((one) => one.orderId === id && one.transactionId === transactionId);
      const counted = own.filter(({ status }) => isCounted(status));
      const credited = credits.filter(({ creditedOrderId }) => creditedOrderId === id);
      const spokenFor: SpokenFor = {
        taken: sumOf(counted),
        refunds: counted.length,
        hasOpenRefund: own.some(({ status }) => isOpen(status)),
        credited: sumOf(credited.filter((credit) => !isWaiting(credit))),
        openUpgradeId: credited.find(isWaiting)?.orderId,
      };
      return [id, spokenFor];
    }),
  );
}

/** What an upgrade credits. */
export function readCreditsBy(reader: Knex, orderId: string): Promise<readonly OrderCreditRow[]> {
  return OrderCreditRow.query(reader).where({ orderId }).execute();
}
