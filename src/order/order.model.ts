import { Model } from 'objection';
import type { PeriodUnit } from '../platform/time';
import type { OrderStatus } from './order-state';

/** How an order is paid. */
export type OrderChannel = 'native' | 'jsapi' | 'h5' | 'app';

/** Why an order was closed, or began to be. */
export type CloseReason = 'cancelled' | 'expired' | 'wrong_amount' | 'closed_elsewhere';

/** A row of `orders`. What was sold is frozen by the database. */
export class OrderRow extends Model {
  static override tableName = 'orders';

  declare id: string;
  declare userId: string;
  declare status: OrderStatus;
  declare channel: OrderChannel;
  declare planId: string;
  declare planPriceId: number;
  declare planName: string;
  declare periodUnit: PeriodUnit;
  declare periodCount: number;
  declare quotaUnits: number;
  /** JSON of string[]. */
  declare features: string;
  declare listAmount: number;
  declare originalAmount: number;
  declare discountAmount: number;
  declare finalAmount: number;
  declare refundedAmount: number;
  declare currency: string;
  declare taxRateBasisPoints: number;
  declare netAmount: number;
  declare taxAmount: number;
  declare couponId: string | null;
  /** Where WeChat Pay was told to send its notification: a repeated prepay must tell the same. */
  declare notifyUrl: string;
  declare transactionId: string | null;
  declare createTime: Date;
  declare expireTime: Date;
  declare paidTime: Date | null;
  declare applyTime: Date | null;
  /** Said once, when closing begins; stays on an order that was paid all the same. */
  declare closeReason: CloseReason | null;
  /** When closing began. */
  declare closingTime: Date | null;
  /** Until then, on the machine's clock, a prepay that was sent may still arrive; null: none was ever sent. */
  declare prepayDeadline: Date | null;
  /** When WeChat Pay is asked about the order next; null: nothing is left to find out. */
  declare nextCheckTime: Date | null;
  /** How often the job asked, since the order was made or since closing began. */
  declare checkAttempts: number;
  /** The invoice (发票) that was issued for it. */
  declare invoiceReference: string | null;
}
