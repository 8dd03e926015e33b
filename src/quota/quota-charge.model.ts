import { Model } from 'objection';
import type { Charge } from './account';

/** A row of `quota_charges`. */
export class QuotaChargeRow extends Model {
  static override tableName = 'quota_charges';
  static override idColumn = ['userId', 'taskId', 'sequence'];

  declare userId: string;
  declare taskId: string;
  declare sequence: number;
  declare kind: Charge['kind'];
  declare units: number;
  declare returned: number;
  declare state: Charge['state'];
  declare settleDeadline: Date | null;
  declare caseDeadline: Date | null;
  declare graceDays: number;
  declare dueTime: Date | null;
  /** JSON of LateReturn[], or null. */
  declare lateReturns: string | null;
}
