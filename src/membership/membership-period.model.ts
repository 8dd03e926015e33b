import { Model } from 'objection';
import type { PeriodUnit } from '../platform/time';

/** A row of `membership_periods`. */
export class MembershipPeriodRow extends Model {
  static override tableName = 'membership_periods';
  static override idColumn = ['userId', 'periodNo'];

  declare userId: string;
  declare periodNo: number;
  declare orderId: string;
  declare planId: string;
  declare planName: string;
  /** JSON of string[]. */
  declare features: string;
  declare quotaUnits: number;
  declare periodUnit: PeriodUnit;
  declare anchorTime: Date;
  declare anchorOffset: number;
  declare startTime: Date;
  declare endTime: Date;
  /** When its lot is due; null once given, while a refund waits for its outcome, and once revoked. */
  declare nextGrantTime: Date | null;
  /** Since when it counts for nothing, because its order was refunded in full; null: it counts. */
  declare revokeTime: Date | null;
  /** Units that refunds ended before its lot was given: they end when it is. */
  declare revokeUnits: number;
  declare createTime: Date;
}
