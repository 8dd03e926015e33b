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
  /** The payer's bank by WeChat's abbreviation; null when not told, and of payments that earlier versions recorded. */
  declare bankType: string | null;
  /** JSON: what WeChat's own promotions took off the payer; null of payments that earlier versions recorded. */
  declare providerDiscounts: string | null;
  declare successTime: Date;
  declare createTime: Date;
}
