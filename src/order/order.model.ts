import { Model } from 'objection';
import type { PeriodUnit } from '../platform/time';
import type { OrderStatus } from './order-state';

/** How an order is paid. */
export type OrderChannel = 'native' | 'jsapi' | 'h5' | 'app';

/** Why an order was closed, or began to be. */
export type CloseReason = 'cancelled' | 'expired' | 'wrong_amount' | 'closed_elsewhere' | 'upgrade_void';

/** Whether an order adds a period to those that the user holds, or replaces them. */
export type OrderKind = 'purchase' | 'upgrade';

/** A row of `orders`. What was sold is frozen by the database. */
export class OrderRow extends Model {
  static override tableName = 'orders';

  declare id: string;
  declare userId: string;
  declare kind: OrderKind;
  declare status: OrderStatus;
  declare channel: OrderChannel;
  declare planId: string;
  declare planPriceId: number;
  declare planName: string;
  declare periodUnit: PeriodUnit;
  declare periodCount: number;
  declare quotaUnits: number;
  /** How often the units are given, each time a part; both null: once. */
  declare grantUnit: PeriodUnit | null;
  declare grantCount: number | null;
  /** JSON of string[]. */
  declare features: string;
  /** JSON of {feature: units of the period}; null: nothing is limited. */
  declare featureLimits: string | null;
  /** For how many days after the membership its features stay usable. */
  declare graceDays: number;
  declare listAmount: number;
  /** What an upgrade credits of earlier orders: the sum of its `order_credits`. */
  declare creditAmount: number;
  /** The price that was charged before the discount: the plan's, less the credit. */
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
