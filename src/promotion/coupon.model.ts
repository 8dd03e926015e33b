import { Model } from 'objection';
import type { CouponStatus } from './coupon-state';

/** A row of `user_coupons`. The database compares every move of it with the order it names. */
export class CouponRow extends Model {
  static override tableName = 'user_coupons';

  declare id: string;
  declare userId: string;
  declare promotionId: string;
  declare status: CouponStatus;
  /** The order that holds or used it. */
  declare orderId: string | null;
  /** What it takes off that order, in fen. */
  declare discountAmount: number | null;
  declare claimTime: Date;
  /** Exclusive. */
  declare expireTime: Date;
}
