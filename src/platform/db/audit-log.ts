import { insertOf, writeTogether, type Write } from './statements';
import type { Tx } from './tx';

/** One change of something other than quota (quota has its own log): who did what to which thing, and why. */
export interface AuditEntry {
  /** The command, for example `CreateOrder`, or the event that caused the change. */
  readonly action: string;
  /** The mTLS identity, or SYSTEM_ACTOR. */
  readonly actor: string;
  readonly subjectType:
    | 'user'
    | 'order'
    | 'coupon'
    | 'promotion'
    | 'plan'
    | 'tariff'
    | 'gift_campaign'
    | 'refund'
    | 'notification'
    | 'dead_letter'
    | 'event_replay'
    | 'event_delivery';
  readonly subjectId: string;
  /** Whose it is; null for what is nobody's in particular, a promotion. */
  readonly userId: string | null;
  /** What caused it: a request_id, a transaction_id. */
  readonly cause: string;
  /** The fields that changed, as they were; absent for something new. */
  readonly before?: Readonly<Record<string, unknown>>;
  /** The fields that changed, as they are. */
  readonly after: Readonly<Record<string, unknown>>;
}

const COLUMNS = [
  ...['action', 'actor', 'subject_type', 'subject_id', 'user_id', 'cause', 'before_state', 'after_state'],
  'create_time',
];

/** The statement that writes audit rows; none for none. As text, because nearly every transaction writes some. */
export function auditWrites(entries: readonly AuditEntry[], now: Date): readonly Write[] {
  const rows = entries.map(({ before, after, ...entry }) => {
    const { action, actor, subjectType, subjectId, userId, cause } = entry;
    const beforeState = before === undefined ? null : JSON.stringify(before);
    return [action, actor, subjectType, subjectId, userId, cause, beforeState, JSON.stringify(after), now];
  });
  return rows.length === 0 ? [] : [insertOf('audit_logs', COLUMNS, rows)];
}

/** Writes audit rows in the transaction of the change they record. */
export async function appendAudit(tx: Tx, entries: readonly AuditEntry[], now: Date): Promise<void> {
  await writeTogether(tx, auditWrites(entries, now));
}
