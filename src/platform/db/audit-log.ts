import { roleOf } from '../calls';
import type { SqlValue } from './sql-text';
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
    | 'event_delivery'
    | 'key_rotation'
    | 'erasure'
    | 'review';
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

/** An entry as it is written. */
export interface AuditRow {
  readonly entry: AuditEntry;
  /** Service, RPC and request_id; null where no request did it. */
  readonly request: string | null;
  readonly createTime: Date;
}

const COLUMNS = [
  ...['action', 'actor', 'role', 'request', 'subject_type', 'subject_id', 'user_id', 'cause'],
  ...['before_state', 'after_state', 'create_time'],
];

/** The statement that writes audit rows; none for none. As text, because nearly every transaction writes some. */
export function auditWrites(rows: readonly AuditRow[]): readonly Write[] {
  return rows.length === 0 ? [] : [insertOf('audit_logs', COLUMNS, rows.map(valuesOf))];
}

function valuesOf({ entry, request, createTime }: AuditRow): readonly SqlValue[] {
  const { action, actor, subjectType, subjectId, userId, cause, before, after } = entry;
  const beforeState = before === undefined ? null : JSON.stringify(before);
  const about = [subjectType, subjectId, userId, cause, beforeState, JSON.stringify(after)];
  return [action, actor, roleOf(actor), request, ...about, createTime];
}

/** What a command is called in the audit log. */
export function requestName(command: {
  readonly service: string;
  readonly kind: string;
  readonly requestId: string;
}): string {
  return `${command.service}/${command.kind}/${command.requestId}`;
}

/** The request that each transaction of a command serves: whatever writes audit rows in it need not be told. */
const requests = new WeakMap<Tx, string>();

/** Says which request a transaction serves. */
export function serveRequest(tx: Tx, request: string): void {
  requests.set(tx, request);
}

/** Writes audit rows in the transaction of the change they record. */
export async function appendAudit(tx: Tx, entries: readonly AuditEntry[], now: Date): Promise<void> {
  const request = requests.get(tx) ?? null;
  await writeTogether(tx, auditWrites(entries.map((entry) => ({ entry, request, createTime: now }))));
}
