import { Model } from 'objection';

/** A row of `payments`: money that arrived. */
export class PaymentRow extends Model {
  static override tableName = 'payments';

  declare id: string;
  declare orderId: string;
  declare userId: string;
  declare method: 'wechatpay' | 'none';
  declare status: 'applied' | 'received' | 'refunding' | 'refunded';
  declare transactionId: string | null;
  declare amount: number;
  declare payerTotal: number | null;
  declare currency: string;
  declare tradeType: string | null;
  declare successTime: Date;
  declare createTime: Date;
}
