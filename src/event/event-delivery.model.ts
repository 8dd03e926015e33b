import { Model } from 'objection';

/** A row of `event_deliveries`: one event on its way to one sink. */
export class EventDeliveryRow extends Model {
  static override tableName = 'event_deliveries';

  declare id: number;
  /** The sink's name. */
  declare sink: string;
  declare eventId: string;
  /** The row that the event is made from again. */
  declare outboxId: number;
  /** Whose event it is; empty: nobody's in particular. */
  declare userId: string;
  declare type: string;
  declare state: 'pending' | 'delivered' | 'failed';
  declare attempts: number;
  /** Null when it ended. While it is tried: when somebody else may, because whoever tries it has died. */
  declare nextAttemptTime: Date | null;
  declare lastError: string;
  declare createTime: Date;
  declare endTime: Date | null;
}
