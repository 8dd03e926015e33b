import type { IncomingHttpHeaders } from 'node:http';
import { raw } from 'objection';
import type { FieldCipher } from '../../../platform/crypto/field-cipher';
import { placeIn, type SealedColumn } from '../../../platform/crypto/sealed-column';
import type { Database } from '../../../platform/db/database';
import { expectRows } from '../../../platform/db/rows';
import { isDuplicateKey } from '../../../platform/db/sql-errors';
import { readOnly, withTx, type Tx } from '../../../platform/db/tx';
import { mintId } from '../../../platform/ids';
import { addMs } from '../../../platform/time';
import { factsHash } from './facts';
import { NotificationRow } from './inbox.model';
import { parseToldContent, subjectIdOf, toldContent, type Told } from './told';

/**
 * The inbox: a verified notification is a committed row before it is answered, one row per event and business key, and
 * is applied at most once. What holds personal data lies sealed in a side table.
 */

/** A verified and decrypted notification. */
export interface InboxEntry {
  readonly eventType: string;
  readonly eventId: string;
  readonly told: Told;
  /** Headers and decrypted resource as they came: evidence. */
  readonly evidence: Evidence;
}

/** What lies sealed beside a row of the inbox. */
export interface Evidence {
  readonly headers: IncomingHttpHeaders;
  readonly resource: string;
  /** When what names the payer was taken out of both, ISO 8601; absent while they are as they came. */
  readonly erased?: string;
}

/** Where a row of the inbox stands. */
interface InboxState {
  readonly id: string;
  readonly eventType: string;
  readonly status: NotificationRow['status'];
  readonly reason: string;
}

/** A row of the inbox as its users see it: where it stands, and what was told first. */
export type InboxItem = InboxState & Told;

/** One that tells of a payment, or of a refund: those are applied. */
export type PaymentItem = Extract<InboxItem, { readonly kind: 'payment' }>;
export type RefundItem = Extract<InboxItem, { readonly kind: 'refund' }>;

/** Long enough for the route's own attempt to end before the applier looks. */
const FIRST_RETRY_MS = 10_000;
const RETRY_MAX_MS = 600_000;
export const DUE_NOTIFICATIONS_MAX = 50;
const BODIES = 'wechatpay_notification_bodies';

/** Where evidence lies. */
export const BODY_COLUMN: SealedColumn = { table: BODIES, column: 'sealed_body', primaryKey: 'id' };

/** A stored row, with what it tells. */
function toItem({ id, eventType, status, reason, content }: NotificationRow): InboxItem {
  return { id, eventType, status, reason, ...parseToldContent(content) };
}

async function insertEntry(tx: Tx, entry: InboxEntry, cipher: FieldCipher, now: Date): Promise<NotificationRow> {
  const id = mintId(now);
  const { eventType, eventId, told } = entry;
  const isIgnored = told.kind === 'ignored';
  const row = await NotificationRow.query(tx).insert({
    id,
    eventType,
    subjectId: subjectIdOf(told, eventId),
    notificationId: eventId,
    content: toldContent(told),
    status: isIgnored ? 'ignored' : 'received',
    reason: '',
    timesReceived: 1,
    attempts: 0,
    nextAttemptTime: isIgnored ? null : addMs(now, FIRST_RETRY_MS),
    createTime: now,
    applyTime: null,
  });
  await insertBody(tx, id, entry, cipher, now);
  return row;
}

const placeOf = (id: string) => placeIn(BODY_COLUMN, id);

async function insertBody(tx: Tx, inboxId: string, entry: InboxEntry, cipher: FieldCipher, now: Date): Promise<void> {
  const id = mintId(now);
  const sealedBody = cipher.encrypt(JSON.stringify(entry.evidence), placeOf(id));
  await tx(BODIES).insert({ id, inboxId, contentHash: factsHash(entry.told), sealedBody, createTime: now });
}

/** Under the lock of the inbox row: keeps the evidence of what was not told before. True for the first difference. */
async function keepEvidence(
  tx: Tx,
  inboxId: string,
  entry: InboxEntry,
  cipher: FieldCipher,
  now: Date,
): Promise<boolean> {
  const hash = factsHash(entry.told);
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
  const { eventType } = entry;
  const subjectId = subjectIdOf(entry.told, entry.eventId);
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

/** The resource that was told last among those that a row has evidence of, decrypted. Throws when it does not open. */
export async function readLatestEvidence(db: Database, cipher: FieldCipher, inboxId: string): Promise<Buffer> {
  const latest = await readOnly(db, (reader) =>
    reader<{ id: string; inboxId: string; sealedBody: Buffer; createTime: Date }>(BODIES)
      .where('inboxId', inboxId)
      .orderBy('createTime', 'desc')
      .orderBy('id', 'desc')
      .first('id', 'sealedBody'),
  );
  if (latest === undefined) throw new Error(`notification ${inboxId} has no evidence`);
  const { resource } = JSON.parse(cipher.decrypt(latest.sealedBody, placeOf(latest.id))) as Evidence;
  return Buffer.from(resource, 'utf8');
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

/** After an attempt that failed or came too early: tries again later, with growing pauses, for ever. Money is never given up on. */
export async function postponeNotification(db: Database, id: string, now: Date): Promise<void> {
  await withTx(db, { name: 'PostponeNotification' }, async (tx) => {
    const row = await NotificationRow.query(tx).findById(id).forUpdate().throwIfNotFound();
    if (row.nextAttemptTime === null) return;
    const pauseMs = Math.min(RETRY_MAX_MS, FIRST_RETRY_MS * 2 ** Math.min(row.attempts, 10));
    const next = { attempts: row.attempts + 1, nextAttemptTime: addMs(now, pauseMs) };
    expectRows(await NotificationRow.query(tx).findById(id).patch(next), 1, `notification ${id}`);
  });
}
