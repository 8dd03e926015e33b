import { Model } from 'objection';
import type { AlertKind, AlertSeverity, AlertSubject } from './alert-kinds';

/** A row of `alerts`. At most one is open for each kind and subject: `open_key`, which the database computes. */
export class AlertRow extends Model {
  static override tableName = 'alerts';

  declare id: string;
  declare kind: AlertKind;
  declare severity: AlertSeverity;
  declare subjectType: AlertSubject;
  declare subjectId: string;
  declare userId: string | null;
  /** JSON without personal data: what was found, the last time. */
  declare details: string;
  declare occurrences: number;
  declare openTime: Date;
  declare lastTime: Date;
  declare resolveTime: Date | null;
  /** How it ended; empty while it is open. */
  declare resolution: string;
}
