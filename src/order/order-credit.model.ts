import { Model } from 'objection';

/** A row of `order_credits`: what an upgrade credits of an earlier order. Fixed when the upgrade is ordered. */
export class OrderCreditRow extends Model {
  static override tableName = 'order_credits';
  static override idColumn = ['orderId', 'creditedOrderId'];

  /** The upgrade. */
  declare orderId: string;
  declare creditedOrderId: string;
  declare userId: string;
  /** In fen. */
  declare amount: number;
  /** Units that were counted as unspent: they end when the upgrade is paid. */
  declare units: number;
  /** What of the credited order had gone back by then, in fen. */
  declare refundedAmount: number;
  declare createTime: Date;
}
