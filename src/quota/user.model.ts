import { Model } from 'objection';

/** A row of `users`: the balance, the head of the log, the membership state. Locked before anything of the user's. */
export class UserRow extends Model {
  static override tableName = 'users';

  declare id: string;
  declare quotaRemaining: number;
  declare logSequence: number;
  declare logHash: Buffer;
  declare logTime: Date;
  declare membershipPlanId: string | null;
  declare membershipExpireTime: Date | null;
  declare createTime: Date;
}
