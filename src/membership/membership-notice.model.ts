import { Model } from 'objection';
import type { MilestoneKind } from './milestones';

/** A row of `membership_notices`: what a user is told next of the end of his membership. */
export class MembershipNoticeRow extends Model {
  static override tableName = 'membership_notices';
  static override idColumn = 'userId';

  declare userId: string;
  /** When the periods that stand without a gap end; null: none stood when it changed last, or nobody worked it out yet. */
  declare expireTime: Date | null;
  /** `plan`: the membership changed, and what is next is worked out at nextTime, before which nothing is due; null: nothing is next. */
  declare nextKind: MilestoneKind | 'plan' | null;
  declare nextTime: Date | null;
  /** What was told last, and the time it was due. */
  declare toldKind: MilestoneKind | null;
  declare toldTime: Date | null;
  declare createTime: Date;
}
