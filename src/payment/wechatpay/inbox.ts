import { raw } from 'objection';
import type { FieldCipher } from '../../platform/crypto/field-cipher';
import type { Database } from '../../platform/db/database';
import { expectRows } from '../../platform/db/rows';
import { isDuplicateKey } from '../../platform/db/sql-errors';
import { readOnly, withTx, type Tx } from '../../platform/db/tx';
import { mintId } from '../../platform/ids';
import { addMs } from '../../platform/time';
import { factsHash } from './facts';
import { NotificationRow } from './inbox.model';
import { parseTransactionContent, transactionContent, type WechatpayTransaction } from './transaction';

/**
 * The inbox: a verified notification is a committed row before it is answered, one row per event and business key, and
 * is applied at most once. What holds personal data lies sealed in a side table.
 */

/** A verified and decrypted notification. */
export interface InboxEntry {
  readonly eventType: string;
  readonly eventId: string;
  /** transaction_id of a payment, refund_id of a refund, the event's id for anything else. */
  readonly subjectId: string;
  /** The payment, or undefined for an event that nothing here applies yet. */
  readonly transaction: WechatpayTransaction | undefined;
  /** Headers and decrypted resource as they came: evidence. */
  readonly evidence: string;
}

/** A row of the inbox as its users see it. */
export interface InboxItem {
  readonly id: string;
  readonly status: NotificationRow['status'];
  readonly reason: string;
  /** What was told first. Undefined for an event that nothing here applies yet. */
  readonly transaction: WechatpayTransaction | undefined;
}

/** Long enough for the route's own attempt to end before the applier looks. */
const FIRST_RETRY_MS = 10_000;
const RETRY_MAX_MS = 600_000;
export const DUE_NOTIFICATIONS_MAX = 50;
const BODIES = 'wechatpay_notification_bodies';

function toItem(row: NotificationRow): InboxItem {
  const { id, status, reason, content } = row;
  return { id, status, reason, transaction: parseTransactionContent(content) };
}

async function insertEntry(tx: Tx, entry: InboxEntry, cipher: FieldCipher, now: Date): Promise<NotificationRow> {
  const id = mintId(now);
  const { eventType, subjectId, eventId, transaction } = entry;
  const row = await NotificationRow.query(tx).insert({
    id,
    eventType,
    subjectId,
    notificationId: eventId,
    content: JSON.stringify(transaction === undefined ? {} : transactionContent(transaction)),
    status: transaction === undefined ? 'ignored' : 'received',
    reason: '',
    timesReceived: 1,
    attempts: 0,
    nextAttemptTime: transaction === undefined ? null : addMs(now, FIRST_RETRY_MS),
    createTime: now,
    applyTime: null,
  });
  await insertBody(tx, id, entry, cipher, now);
  return row;
}

async function insertBody(tx: Tx, inboxId: string, entry: InboxEntry, cipher: FieldCipher, now: Date): Promise<void> {
  const id = mintId(now);
  const sealedBody = cipher.encrypt(entry.evidence, { table: BODIES, column: 'sealed_body', primaryKey: id });
  await tx(BODIES).insert({ id, inboxId, contentHash: factsHash(entry.transaction), sealedBody, createTime: now });
}

/** Under the lock of the inbox row: keeps the evidence of what was not told before. True for the first difference. */
async function keepEvidence(
  tx: Tx,
  inboxId: string,
  entry: InboxEntry,
  cipher: FieldCipher,
  now: Date,
): Promise<boolean> {
  const hash = factsHash(entry.transaction);
  const bodies: { contentHash: Buffer }[] = await tx(BODIES).where({ inboxId }).select('contentHash');
  if (bodies.some(({ contentHash }) => contentHash.equals(hash))) return false;
  await insertBody(tx, inboxId, entry, cipher, now);
  return bodies.length === 1;
}

/** What came before under the same event and business key, counted; or the new row. */
export interface StoredEntry {
  readonly item: InboxItem;
  readonly isRepeat: boolean;
  /** This is the first repeat of its row that tells something else than the row. */
  readonly isFirstDifference: boolean;
}

/** Stores a notification durably. A repeat is counted; only evidence of something else than before is stored again. */
export async function storeNotification(
  db: Database,
  entry: InboxEntry,
  cipher: FieldCipher,
  now: Date,
): Promise<StoredEntry> {
  const { eventType, subjectId } = entry;
  const countRepeat = async (): Promise<StoredEntry | undefined> =>
    withTx(db, { name: 'CountNotification' }, async (tx) => {
      const counted = await NotificationRow.query(tx)
        .where({ eventType, subjectId })
        .patch({ timesReceived: raw('times_received + 1') });
      if (counted === 0) return undefined;
      const row = await NotificationRow.query(tx).findOne({ eventType, subjectId }).throwIfNotFound();
      const isFirstDifference = await keepEvidence(tx, row.id, entry, cipher, now);
      return { item: toItem(row), isRepeat: true, isFirstDifference };
    });
  const repeat = await countRepeat();
  if (repeat !== undefined) return repeat;
  try {
    const row = await withTx(db, { name: 'StoreNotification' }, (tx) => insertEntry(tx, entry, cipher, now));
    return { item: toItem(row), isRepeat: false, isFirstDifference: false };
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    // The same notification arrived at the same moment and was stored first.
    const raced = await countRepeat();
    if (raced === undefined) throw error;
    return raced;
  }
}

/** Settles a row inside the transaction that applied it, or that recorded why it can not be applied. */
export async function settleNotification(
  tx: Tx,
  id: string,
  outcome: { readonly status: 'applied' | 'refused'; readonly reason: string },
  now: Date,
): Promise<void> {
  const { status, reason } = outcome;
  const applied = status === 'applied' ? { applyTime: now } : {};
  const changed = await NotificationRow.query(tx)
    .findById(id)
    .whereNot('status', 'applied')
    .patch({ status, reason, nextAttemptTime: null, attempts: raw('attempts + 1'), ...applied });
  expectRows(changed, 1, `notification ${id}`);
}

/** Locks a row and reads it again: whoever settles it looks first whether somebody else did. */
export async function lockNotification(tx: Tx, id: string): Promise<InboxItem> {
  const row = await NotificationRow.query(tx).findById(id).forUpdate().throwIfNotFound();
  return toItem(row);
}

/** Rows whose turn has come: stored, and not applied before the answer. */
export async function readDueNotifications(db: Database, now: Date): Promise<readonly InboxItem[]> {
  const rows = await readOnly(db, (reader) =>
    NotificationRow.query(reader)
      .where('nextAttemptTime', '<=', now)
      .orderBy('nextAttemptTime')
      .limit(DUE_NOTIFICATIONS_MAX),
  );
  return rows.map(toItem);
}

/** After an attempt that failed: tries again later, with growing pauses, for ever. Money is never given up on. */
export async function postponeNotification(db: Database, id: string, now: Date): Promise<void> {
  await withTx(db, { name: 'PostponeNotification' }, async (tx) => {
    const row = await NotificationRow.query(tx).findById(id).forUpdate().throwIfNotFound();
    if (row.nextAttemptTime === null) return;
    const pauseMs = Math.min(RETRY_MAX_MS, FIRST_RETRY_MS * 2 ** Math.min(row.attempts, 10));
    const next = { attempts: row.attempts + 1, nextAttemptTime: addMs(now, pauseMs) };
    expectRows(await NotificationRow.query(tx).findById(id).patch(next), 1, `notification ${id}`);
  });
}
