import { Option, type Command } from 'commander';
import { NotificationStatus, PaymentServiceClient, type Notification } from '../gen/billing/v1/payment_service.pb';
import { systemClock } from '../platform/clock';
import { callUnary } from './connection';
import { tellRequestId } from './failure';
import type { Cell } from './output';
import { addPaging, tellNextPage, type CommandParts, type PagingOptions } from './quota';
import { addRequestId, requestIdOf, type RequestOptions } from './request-id';

/** The commands that look after what WeChat Pay told. */

/** Adds `payment list` and `replay`. */
export function addPaymentCommands(program: Command, parts: CommandParts): void {
  const payment = program.command('payment').description('look at what WeChat Pay told, and have it judged again');
  addList(payment, parts);
  addReplay(payment, parts);
}

const STATUSES = {
  received: NotificationStatus.RECEIVED,
  applied: NotificationStatus.APPLIED,
  refused: NotificationStatus.REFUSED,
  ignored: NotificationStatus.IGNORED,
} as const;

function addList(payment: Command, { output, withClient }: CommandParts): void {
  const list = payment
    .command('list')
    .description('stored notifications, newest first')
    .addOption(new Option('--status <status>', 'only those that stand there').choices(Object.keys(STATUSES)));
  addPaging(list).action(
    async ({ status, pageSize, pageToken = '' }: PagingOptions & { readonly status?: keyof typeof STATUSES }) => {
      const filter = status === undefined ? NotificationStatus.UNSPECIFIED : STATUSES[status];
      const page = await withClient(PaymentServiceClient, (client) =>
        callUnary(client.listNotifications.bind(client), { status: filter, pageSize, pageToken }, systemClock.now()),
      );
      output().rows(
        ['notification', 'event', 'subject', 'order', 'status', 'reason', 'times', 'created', 'applied'],
        page.notifications.map((one) => Object.values(notificationFields(one))),
      );
      tellNextPage(page.nextPageToken);
    },
  );
}

/** In the order of the list's headings. */
function notificationFields(one: Notification): Readonly<Record<string, Cell>> {
  return {
    notification_id: one.notificationId,
    event_type: one.eventType,
    subject_id: one.subjectId,
    order_id: one.orderId,
    status: NotificationStatus[one.status],
    reason: one.reason,
    times_received: one.timesReceived,
    create_time: one.createTime,
    apply_time: one.applyTime,
  };
}

function addReplay(payment: Command, { output, withClient }: CommandParts): void {
  const replay = payment
    .command('replay <notification_id>')
    .description('judge a stored notification again, by what it told last; what was applied is not applied again');
  addRequestId(replay).action(async (notificationId: string, options: RequestOptions) => {
    const requestId = requestIdOf(options);
    const { notification, replayed } = await withClient(PaymentServiceClient, (client) =>
      callUnary(client.replayNotification.bind(client), { requestId, notificationId }, systemClock.now()),
    ).catch(tellRequestId(requestId));
    const fields = notification === undefined ? {} : notificationFields(notification);
    output().record({ ...fields, request_id: requestId, replayed });
  });
}
