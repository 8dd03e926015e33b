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
  /** JSON of {feature: units of the period}; null: nothing is limited. */
  declare featureLimits: string | null;
  /** Units of the whole period. */
  declare quotaUnits: number;
  declare periodUnit: PeriodUnit;
  /** How often it gives, each time a part; both null: once. */
  declare grantUnit: PeriodUnit | null;
  declare grantCount: number | null;
  /** How many parts that makes. */
  declare intervals: number;
  /** How many were given. One that gave all at once under an earlier version says 0, and has its lot. */
  declare grantedIntervals: number;
  /** For how many days after its end its features stay usable, where it is the last. */
  declare graceDays: number;
  declare anchorTime: Date;
  declare anchorOffset: number;
  declare startTime: Date;
  declare endTime: Date;
  /** When its next part is due; null once all are given, while a refund waits for its outcome, once revoked or replaced. */
  declare nextGrantTime: Date | null;
  /** Since when it counts for nothing: its order was refunded in full, or it was replaced before it started; null: it counts. */
  declare revokeTime: Date | null;
  /** Units that were ended before they were given: they end as they are, the first ones first. */
  declare revokeUnits: number;
  /** The upgrade that took its place; null: none. */
  declare replacedByOrderId: string | null;
  declare createTime: Date;
}
