import type { CertificatePair } from './certificate';
import type { Delivery } from './delivery';
import { Journal } from './journal';
import { upgraded, type Adjustment, type Download, type JournalRecord } from './journal-record';
import { tradeState, type Order, type TradeState } from './order';
import type { Refund } from './refund';
import { DEFAULT_SETTINGS, type Settings } from './settings';

/**
 * Everything that must outlive a restart: orders with their transactions, refunds, notifications with their attempts,
 * certificates, settings. Each put is journaled before it returns, so whatever is answered afterwards is never forgotten.
 */
export class Books {
  private readonly ordersByNumber = new Map<string, Order>();
  private readonly numbersByTransaction = new Map<string, string>();
  private readonly refundsByNumber = new Map<string, Refund>();
  private readonly refundNumbersByOrder = new Map<string, string[]>();
  private readonly deliveriesById = new Map<string, Delivery>();
  private readonly deliveryIdsByNumber = new Map<string, string[]>();
  private readonly downloadsByToken = new Map<string, Download>();
  private readonly madeCertificates: CertificatePair[] = [];
  private readonly madeAdjustments: Adjustment[] = [];
  private currentSettings: Settings = DEFAULT_SETTINGS;
  private readonly journal: Journal | undefined;

  /** Without a state directory the books live in memory only. */
  constructor(stateDir: string | undefined) {
    if (stateDir === undefined) return;
    const journal = new Journal(stateDir);
    for (const record of journal.read()) this.remember(upgraded(record));
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

  /** In the order in which they were first made. */
  orders(): Order[] {
    return [...this.ordersByNumber.values()];
  }

  tradeState(order: Order, now: Date): TradeState {
    return tradeState(order, this.refundsOf(order.outTradeNo), now);
  }

  putOrder(order: Order): void {
    this.put({ order });
  }

  refund(outRefundNo: string): Refund | undefined {
    return this.refundsByNumber.get(outRefundNo);
  }

  refunds(): Refund[] {
    return [...this.refundsByNumber.values()];
  }

  /** In the order in which they were made. */
  refundsOf(outTradeNo: string): Refund[] {
    const numbers = this.refundNumbersByOrder.get(outTradeNo) ?? [];
    return numbers.flatMap((number) => this.refundsByNumber.get(number) ?? []);
  }

  putRefund(refund: Refund): void {
    this.put({ refund });
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
    this.put({ delivery });
  }

  /** Rotated platform certificates, oldest first, without the one of the material. */
  certificates(): readonly CertificatePair[] {
    return this.madeCertificates;
  }

  putCertificate(certificate: CertificatePair): void {
    this.put({ certificate });
  }

  /** Money that the merchant added or took out. */
  adjustments(): readonly Adjustment[] {
    return this.madeAdjustments;
  }

  putAdjustment(adjustment: Adjustment): void {
    this.put({ adjustment });
  }

  settings(): Settings {
    return this.currentSettings;
  }

  putSettings(settings: Settings): void {
    this.put({ settings });
  }

  download(token: string): Download | undefined {
    return this.downloadsByToken.get(token);
  }

  putDownload(download: Download): void {
    this.put({ download });
  }

  close(): void {
    this.journal?.close();
  }

  private put(record: JournalRecord): void {
    this.journal?.append(record);
    this.remember(record);
  }

  private remember(record: JournalRecord): void {
    if ('order' in record) this.rememberOrder(record.order);
    else if ('refund' in record) this.rememberRefund(record.refund);
    else if ('delivery' in record) this.rememberDelivery(record.delivery);
    else if ('download' in record) this.rememberDownload(record.download);
    else if ('certificate' in record) this.madeCertificates.push(record.certificate);
    else if ('adjustment' in record) this.madeAdjustments.push(record.adjustment);
    else this.currentSettings = record.settings;
  }

  private rememberOrder(order: Order): void {
    const replaced = this.ordersByNumber.get(order.outTradeNo)?.transaction;
    if (replaced !== undefined) this.numbersByTransaction.delete(replaced.transactionId);
    this.ordersByNumber.set(order.outTradeNo, order);
    if (order.transaction !== undefined) {
      this.numbersByTransaction.set(order.transaction.transactionId, order.outTradeNo);
    }
  }

  private rememberRefund(refund: Refund): void {
    if (!this.refundsByNumber.has(refund.outRefundNo)) {
      const numbers = this.refundNumbersByOrder.get(refund.outTradeNo) ?? [];
      this.refundNumbersByOrder.set(refund.outTradeNo, [...numbers, refund.outRefundNo]);
    }
    this.refundsByNumber.set(refund.outRefundNo, refund);
  }

  private rememberDelivery(delivery: Delivery): void {
    if (!this.deliveriesById.has(delivery.deliveryId)) {
      const ids = this.deliveryIdsByNumber.get(delivery.outTradeNo) ?? [];
      this.deliveryIdsByNumber.set(delivery.outTradeNo, [...ids, delivery.deliveryId]);
    }
    this.deliveriesById.set(delivery.deliveryId, delivery);
  }

  /** A spent token is as good as one that never was. */
  private rememberDownload(download: Download): void {
    if (download.isSpent) this.downloadsByToken.delete(download.token);
    else this.downloadsByToken.set(download.token, download);
  }

  private *records(): Iterable<JournalRecord> {
    yield { settings: this.currentSettings };
    for (const certificate of this.madeCertificates) yield { certificate };
    for (const adjustment of this.madeAdjustments) yield { adjustment };
    for (const order of this.ordersByNumber.values()) yield { order };
    for (const refund of this.refundsByNumber.values()) yield { refund };
    for (const delivery of this.deliveriesById.values()) yield { delivery };
    for (const download of this.downloadsByToken.values()) yield { download };
  }
}
