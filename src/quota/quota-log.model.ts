import { Model } from 'objection';
import type { LotChange, Posting, PostingType } from './account';

/** A row of `quota_logs`. */
export class QuotaLogRow extends Model {
  static override tableName = 'quota_logs';
  static override idColumn = ['userId', 'sequence'];

  declare userId: string;
  declare sequence: number;
  declare origin: 'caller' | 'system';
  declare requestId: string;
  declare requestHash: Buffer;
  declare type: PostingType;
  declare amount: number;
  declare units: number;
  declare quotaRemaining: number;
  /** JSON of LotChange[]. */
  declare lots: string;
  declare consumeSequence: number | null;
  declare taskId: string;
  declare taskType: string;
  declare description: string;
  declare actor: string;
  declare createTime: Date;
  declare hashVersion: number;
  declare hash: Buffer;
}

/** Row → posting. */
export function toPosting(row: QuotaLogRow): Posting {
  return { ...row, lots: JSON.parse(row.lots) as LotChange[] };
}
