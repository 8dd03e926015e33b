import type { Delivery } from './delivery';
import { Journal } from './journal';
import type { Order } from './order';

type JournalRecord = { readonly order: Order } | { readonly delivery: Delivery };

/**
 * Everything that must outlive a restart: orders with their transactions, and notifications with their attempts.
 * Each put is journaled before it returns, so whatever is answered afterwards is never forgotten.
 */
export class Books {
  private readonly ordersByNumber = new Map<string, Order>();
  private readonly numbersByTransaction = new Map<string, string>();
  private readonly deliveriesById = new Map<string, Delivery>();
  private readonly deliveryIdsByNumber = new Map<string, string[]>();
  private readonly journal: Journal | undefined;

  /** Without a state directory the books live in memory only. */
  constructor(stateDir: string | undefined) {
    if (stateDir === undefined) return;
    const journal = new Journal(stateDir);
    for (const record of journal.read() as JournalRecord[]) {
      if ('order' in record) this.rememberOrder(record.order);
      else this.rememberDelivery(record.delivery);
    }
    journal.restart(this.records());
    this.journal = journal;
  }

  order(outTradeNo: string): Order | undefined {
    return this.ordersByNumber.get(outTradeNo);
  }

  orderOfTransaction(transactionId: string): Order | undefined {
    const outTradeNo = this.numbersByTransaction.get(transactionId);
    return outTradeNo === undefined ? undefined : this.ordersByNumber.get(outTradeNo);
  }

  orders(): Order[] {
    return [...this.ordersByNumber.values()];
  }

  putOrder(order: Order): void {
    this.journal?.append({ order } satisfies JournalRecord);
    this.rememberOrder(order);
  }

  delivery(deliveryId: string): Delivery | undefined {
    return this.deliveriesById.get(deliveryId);
  }

  /** In the order in which they were made. */
  deliveriesOf(outTradeNo: string): Delivery[] {
    const ids = this.deliveryIdsByNumber.get(outTradeNo) ?? [];
    return ids.flatMap((id) => this.deliveriesById.get(id) ?? []);
  }

  pendingDeliveries(): Delivery[] {
    return [...this.deliveriesById.values()].filter((delivery) => delivery.state === 'pending');
  }

  putDelivery(delivery: Delivery): void {
    this.journal?.append({ delivery } satisfies JournalRecord);
    this.rememberDelivery(delivery);
  }

  close(): void {
    this.journal?.close();
  }

  private rememberOrder(order: Order): void {
    const replaced = this.ordersByNumber.get(order.outTradeNo)?.transaction;
    if (replaced !== undefined) this.numbersByTransaction.delete(replaced.transactionId);
    this.ordersByNumber.set(order.outTradeNo, order);
    if (order.transaction !== undefined) {
      this.numbersByTransaction.set(order.transaction.transactionId, order.outTradeNo);
    }
  }

  private rememberDelivery(delivery: Delivery): void {
    if (!this.deliveriesById.has(delivery.deliveryId)) {
      const ids = this.deliveryIdsByNumber.get(delivery.outTradeNo) ?? [];
      this.deliveryIdsByNumber.set(delivery.outTradeNo, [...ids, delivery.deliveryId]);
    }
    this.deliveriesById.set(delivery.deliveryId, delivery);
  }

  private *records(): Iterable<JournalRecord> {
    for (const order of this.ordersByNumber.values()) yield { order };
    for (const delivery of this.deliveriesById.values()) yield { delivery };
  }
}
