import { Model } from 'objection';

/** Where an erasure stands. One that is done runs again later, for what arrives late. */
export type ErasureState = 'proposed' | 'approved' | 'running' | 'done' | 'rejected';

/** A row of `user_erasures`. At most one of a user is neither carried out nor rejected. */
export class UserErasureRow extends Model {
  static override tableName = 'user_erasures';

  declare id: string;
  declare userId: string;
  declare reason: string;
  declare state: ErasureState;
  declare requestedBy: string;
  declare decidedBy: string | null;
  declare createTime: Date;
  declare decideTime: Date | null;
  /** When it ran first: orders of later belong to somebody who came back. */
  declare startTime: Date | null;
  /** When its first run ended. */
  declare endTime: Date | null;
  declare nextRunTime: Date | null;
  /** Runs that came to their end. */
  declare runs: number;
  declare payers: number;
  declare notifications: number;
  declare identities: number;
}
