import type { Database } from '../../../platform/db/database';
import type { Logger } from '../../../platform/log';
import type { ApplyNotification } from './apply-notification';
import { postponeNotification, readDueNotifications } from './inbox';

/** What the applier needs. */
export interface DueNotificationsParts {
  readonly db: Database;
  readonly log: Logger;
  readonly apply: ApplyNotification;
}

/**
 * The applier: finishes notifications that were stored but not applied before the answer (the database was busy, the
 * process died), or that came before what they depend on. Reads what is due from the database; safe to run anywhere, any
 * number of times. Returns how many were due.
 */
export async function applyDueNotifications({ db, log, apply }: DueNotificationsParts, now: Date): Promise<number> {
  const due = await readDueNotifications(db, now);
  for (const item of due) {
    try {
      if (item.kind === 'ignored') throw new Error(`notification ${item.id} tells nothing that is applied`);
      const { kind } = await apply(item, now);
      if (kind === 'not_yet') await postponeNotification(db, item.id, now);
    } catch (error) {
      log.error({ err: error, inboxId: item.id }, 'a stored notification could not be applied; it stays due');
      await postponeNotification(db, item.id, now);
    }
  }
  return due.length;
}
