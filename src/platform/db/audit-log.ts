import type { Tx } from './tx';

/** One change of something other than quota (quota has its own log): who did what to which thing, and why. */
export interface AuditEntry {
  /** The command, for example `CreateOrder`, or the event that caused the change. */
  readonly action: string;
  /** The mTLS identity, or SYSTEM_ACTOR. */
  readonly actor: string;
  readonly subjectType: 'user' | 'order' | 'coupon' | 'promotion' | 'refund' | 'notification';
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

/** Writes audit rows in the transaction of the change they record. */
export async function appendAudit(tx: Tx, entries: readonly AuditEntry[], now: Date): Promise<void> {
  if (entries.length === 0) return;
  await tx('audit_logs').insert(
    entries.map(({ before, after, ...entry }) => ({
      ...entry,
      beforeState: before === undefined ? null : JSON.stringify(before),
      afterState: JSON.stringify(after),
      createTime: now,
    })),
  );
}
