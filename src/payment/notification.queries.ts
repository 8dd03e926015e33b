import type { Database } from '../platform/db/database';
import { readOnly, type Tx } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';
import { paymentErrors } from './payment.errors';
import { NotificationRow } from './wechatpay/inbox/inbox.model';

export type NotificationStatus = NotificationRow['status'];

function notFound(notificationId: string): Error {
  return paymentErrors.NOTIFICATION_NOT_FOUND({ metadata: { notification_id: notificationId } });
}

/** One stored notification as it is now. Throws NOTIFICATION_NOT_FOUND. */
export async function readNotification(db: Database, notificationId: string): Promise<NotificationRow> {
  const row = await readOnly(db, (reader) => NotificationRow.query(reader).findById(notificationId));
  if (row === undefined) throw notFound(notificationId);
  return row;
}

/** Locks a stored notification: whoever judges it waits. Throws NOTIFICATION_NOT_FOUND. */
export async function lockNotificationRow(tx: Tx, notificationId: string): Promise<NotificationRow> {
  const row = await NotificationRow.query(tx).findById(notificationId).forUpdate();
  if (row === undefined) throw notFound(notificationId);
  return row;
}

/** One page of stored notifications, newest first: ids begin with their time. Throws INVALID_REQUEST for a foreign token. */
export async function listNotifications(
  db: Database,
  status: NotificationStatus | undefined,
  pageSize: number,
  pageToken: string,
): Promise<Page<NotificationRow>> {
  const filters = { list: 'notifications', status };
  const after = readPageToken(pageToken, filters);
  const rows = await readOnly(db, (reader) => {
    const query = NotificationRow.query(reader)
      .orderBy('id', 'desc')
      .limit(pageSize + 1);
    if (status !== undefined) void query.where('status', status);
    if (after !== undefined) void query.where('id', '<', after);
    return query;
  });
  return cutPage(rows, pageSize, filters, ({ id }) => id);
}
