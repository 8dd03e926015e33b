import { Model } from 'objection';

/** A row of `wechatpay_notifications`. */
export class NotificationRow extends Model {
  static override tableName = 'wechatpay_notifications';

  declare id: string;
  declare eventType: string;
  /** transaction_id, or what else names the thing the event is about. */
  declare subjectId: string;
  declare notificationId: string;
  /** JSON without personal data: what was told and is applied. */
  declare content: string;
  declare status: 'received' | 'applied' | 'refused' | 'ignored';
  /** Why it was refused. */
  declare reason: string;
  declare timesReceived: number;
  declare attempts: number;
  /** When the applier tries next; null when nothing is left to do. */
  declare nextAttemptTime: Date | null;
  declare createTime: Date;
  declare applyTime: Date | null;
}
