import { logOpenedAlerts, raiseAlert, resolveAlert, type Alert } from '../../../alert';
import type { Database } from '../../../platform/db/database';
import { withTx } from '../../../platform/db/tx';
import type { Logger } from '../../../platform/log';
import type { PaymentItem, RefundItem } from './inbox';

/** What people must see of notifications that are refused before anybody judges them. */
export interface NotificationAlerts {
  /** WeChat Pay signed one that our APIv3 key does not open. */
  undecryptable(
    signed: { readonly eventId: string | undefined; readonly fault: string } | undefined,
    now: Date,
  ): Promise<void>;
  /** Our APIv3 key opened one: the alert about it is over. */
  opened(now: Date): Promise<void>;
  /** A delivery tells something else than what was applied, or than what waits to be judged. */
  contentChanged(item: PaymentItem | RefundItem, now: Date): Promise<void>;
}

/** One alert whatever events can not be opened: the key is the matter, and events have other ids each time. */
const OF_THE_KEY = {
  kind: 'notification_undecryptable',
  subjectType: 'notification',
  subjectId: 'apiv3-key',
} as const;

/** Makes them. None ever throws: the answer to WeChat Pay is the same without them, and it sends the notification again. */
export function createNotificationAlerts(db: Database, log: Logger): NotificationAlerts {
  // Whether an alert may be open: it is asked of the database after a start and after a failure, not each time.
  let mayBeOpen = true;

  const attempt = async (run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      log.error({ err: error }, 'an alert could not be written');
    }
  };
  const raise = (alert: Alert, now: Date): Promise<void> =>
    attempt(async () => {
      const opened = await withTx(db, { name: 'RaiseAlert' }, (tx) => raiseAlert(tx, alert, now));
      logOpenedAlerts(log, opened);
    });

  return {
    undecryptable: async (signed, now) => {
      mayBeOpen = true;
      const details = { event_id: signed?.eventId ?? null, fault: signed?.fault ?? null };
      await raise({ ...OF_THE_KEY, severity: 'critical', userId: null, details }, now);
    },
    opened: async (now) => {
      if (!mayBeOpen) return;
      await attempt(async () => {
        await withTx(db, { name: 'ResolveAlert' }, (tx) => resolveAlert(tx, OF_THE_KEY, 'opened_again', now));
        mayBeOpen = false;
      });
    },
    contentChanged: (item, now) => raise(changeAlert(item), now),
  };
}

function changeAlert(item: PaymentItem | RefundItem): Alert {
  const about = { severity: 'critical', subjectType: 'notification', subjectId: item.id, userId: null } as const;
  if (item.kind === 'refund') {
    const { outTradeNo, refundId, amount } = item.refund;
    const details = { reason: 'content_changed', order_id: outTradeNo, refund_id: refundId, amount };
    return { kind: 'refund_unmatched', ...about, details };
  }
  const { outTradeNo, transactionId, amountTotal } = item.transaction;
  const details = {
    reason: 'content_changed',
    order_id: outTradeNo,
    transaction_id: transactionId,
    amount: amountTotal,
  };
  return { kind: 'payment_mismatch', ...about, details };
}
