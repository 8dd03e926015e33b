import { Model } from 'objection';

/** A row of `task_tariffs`. */
export class TaskTariffRow extends Model {
  static override tableName = 'task_tariffs';

  declare id: number;
  declare taskType: string;
  /** NULL, with the feature: unlisted from then on. */
  declare units: number | null;
  declare feature: string | null;
  declare validFrom: Date;
  declare createTime: Date;
}
