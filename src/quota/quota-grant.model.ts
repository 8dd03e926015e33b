import { Model } from 'objection';
import type { GrantSource, NewLot } from './account';

/** A row of `quota_grants`. */
export class QuotaGrantRow extends Model {
  static override tableName = 'quota_grants';
  static override idColumn = ['userId', 'grantId'];

  declare userId: string;
  declare grantId: number;
  declare source: GrantSource;
  declare sourceRef: string;
  declare orderId: string | null;
  declare amount: number;
  declare remaining: number;
  declare held: number;
  declare expireTime: Date | null;
  declare revokeTime: Date | null;
  declare createTime: Date;
}

/** Row → lot. */
export function toLot(row: QuotaGrantRow): NewLot {
  const { grantId, source, sourceRef, orderId, amount, remaining, held, expireTime, revokeTime, createTime } = row;
  return { grantId, source, sourceRef, orderId, amount, remaining, held, expireTime, revokeTime, createTime };
}
