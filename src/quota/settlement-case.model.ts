import { Model } from 'objection';

/** Why nobody knows how a task ended. */
export type CaseReason = 'unknown' | 'running' | 'unreachable' | 'nobody_to_ask';

/** A row of `settlement_cases`. */
export class SettlementCaseRow extends Model {
  static override tableName = 'settlement_cases';
  static override idColumn = ['userId', 'sequence'];

  declare userId: string;
  declare sequence: number;
  declare taskId: string;
  declare kind: 'consume' | 'hold';
  declare units: number;
  declare reason: CaseReason;
  declare openTime: Date;
  declare resolveTime: Date | null;
}
