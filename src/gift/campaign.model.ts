import { Model } from 'objection';

/** Where a gift campaign stands. */
export type CampaignStatus = 'draft' | 'active' | 'paused' | 'ended';

/** A row of `gift_campaigns`. All but its status and what it has given is frozen by the database once it has left `draft`. */
export class CampaignRow extends Model {
  static override tableName = 'gift_campaigns';

  declare id: string;
  declare name: string;
  declare status: CampaignStatus;
  /** Units that each user gets. */
  declare units: number;
  /** Days of 24 hours that a gift can be used. */
  declare validDays: number;
  /** The most units that all gifts together give. */
  declare budgetUnits: number;
  /** Units given so far. The lots count themselves, by a trigger: no code writes it. */
  declare grantedUnits: number;
  /** Null: from its approval on. */
  declare startTime: Date | null;
  declare endTime: Date;
  declare createdBy: string;
  /** JSON of string[]: identities that made it what it is. */
  declare editors: string;
  /** Goes up with every edit. */
  declare revision: number;
  /** Null while it is a draft, and then for ever who agreed to it. */
  declare approvedBy: string | null;
  declare approveTime: Date | null;
  declare createTime: Date;
}
