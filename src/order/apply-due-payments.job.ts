import { postponeNotification, readDueNotifications } from '../payment';
import type { Logger } from '../platform/log';
import { applyPayment, type ApplyPaymentParts } from './apply-payment';

/**
 * The applier: finishes payments that were stored but not applied before the answer (the database was busy, the process
 * died). Reads what is due from the database; safe to run anywhere, any number of times. Returns how many were due.
 */
export async function applyDuePayments(parts: ApplyPaymentParts, log: Logger, now: Date): Promise<number> {
  const due = await readDueNotifications(parts.db, now);
  for (const item of due) {
    try {
      await applyPayment(parts, item, now);
    } catch (error) {
      log.error({ err: error, inboxId: item.id }, 'a stored payment could not be applied; it stays due');
      await postponeNotification(parts.db, item.id, now);
    }
  }
  return due.length;
}
