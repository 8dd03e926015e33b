import { Model } from 'objection';

/** A row of `reviews`. */
export class ReviewRow extends Model {
  static override tableName = 'reviews';

  declare id: string;
  declare reviewer: string;
  declare requestedBy: string;
  declare state: 'requested' | 'running' | 'done' | 'failed';
  /** Until when the process that makes it is believed to; null: nobody does. */
  declare leaseTime: Date | null;
  /** JSON of ReviewProgress. */
  declare progress: string;
  /** Why it could not be made. */
  declare error: string;
  declare verdict: 'passed' | 'failed' | null;
  declare severe: number | null;
  declare medium: number | null;
  declare minor: number | null;
  /** JSON of SignedReview. */
  declare document: string | null;
  declare createTime: Date;
  declare startTime: Date | null;
  declare endTime: Date | null;
}
