import { z } from 'zod';
import { NotificationStatus, PaymentServiceService, type Notification } from '../gen/billing/v1/payment_service.pb';
import type { Clock } from '../platform/clock';
import * as rules from '../platform/request-rules';
import { defineService, type RpcService } from '../platform/rpc/service';
import { listNotifications, readNotification, type NotificationStatus as StoredStatus } from './notification.queries';
import { replayNotification, type ReplayParts } from './replay-notification';
import type { NotificationRow } from './wechatpay/inbox/inbox.model';
import { orderIdOf, parseToldContent } from './wechatpay/inbox/told';

const STATUSES: Readonly<Record<StoredStatus, NotificationStatus>> = {
  received: NotificationStatus.RECEIVED,
  applied: NotificationStatus.APPLIED,
  refused: NotificationStatus.REFUSED,
  ignored: NotificationStatus.IGNORED,
};

const listRequest = z.object({
  status: rules.enumFilter(Object.values(STATUSES)),
  pageSize: rules.pageSize,
  pageToken: rules.pageToken,
});

const replayRequest = z.object({ requestId: rules.opaqueId, notificationId: rules.opaqueId });

function toNotificationMessage(row: NotificationRow): Notification {
  const { id: notificationId, eventType, subjectId, status, reason, timesReceived, createTime, applyTime } = row;
  const orderId = orderIdOf(parseToldContent(row.content)) ?? '';
  const known = { notificationId, eventType, subjectId, orderId, reason, timesReceived, createTime };
  return { ...known, status: STATUSES[status], applyTime: applyTime ?? undefined };
}

/** What PaymentService is built from. */
export interface PaymentServiceParts extends ReplayParts {
  readonly clock: Clock;
}

/** PaymentService: decode, call, encode. */
export function createPaymentService(parts: PaymentServiceParts): RpcService {
  const { db, clock } = parts;
  return defineService(PaymentServiceService, {
    listNotifications: async (_context, request) => {
      const { status, pageSize, pageToken } = listRequest.parse(request);
      const page = await listNotifications(db, rules.nameOf(STATUSES, status), pageSize, pageToken);
      return { notifications: page.rows.map(toNotificationMessage), nextPageToken: page.nextPageToken };
    },
    replayNotification: async ({ caller, signal }, request) => {
      const command = { ...replayRequest.parse(request), caller, signal, now: clock.now() };
      const { response, replayed } = await replayNotification(parts, command);
      const notification = toNotificationMessage(await readNotification(db, response.notificationId));
      return { notification, replayed };
    },
  });
}
