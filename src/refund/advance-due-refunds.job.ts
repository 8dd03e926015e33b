import { RefundRow } from '../payment';
import { readOnly } from '../platform/db/tx';
import type { QueuedJob } from '../platform/jobs/queued-job';
import { advanceRefund } from './advance-refund';
import type { RefundParts } from './refund-parts';

/**
 * Sends refunds that wait to be sent, and asks about those whose outcome is not known: notifications get lost, callers leave,
 * processes die. The database is the source of what is due; running one twice, or twice at once, sends it once.
 */
export function advanceDueRefunds(parts: RefundParts, concurrency: number): QueuedJob {
  const { db, clock, wechatpayTimeoutMs: timeoutMs } = parts;
  return {
    name: 'advance-due-refunds',
    concurrency,
    findDue: async (most) => {
      const due = await readOnly(db, (reader) =>
        RefundRow.query(reader)
          .select('id')
          .where('nextAttemptTime', '<=', clock.now())
          .orderBy('nextAttemptTime')
          .limit(most),
      );
      return due.map(({ id }) => id);
    },
    oldestDue: async () => {
      const oldest = await readOnly(db, (reader) =>
        RefundRow.query(reader).where('nextAttemptTime', '<=', clock.now()).orderBy('nextAttemptTime').first(),
      );
      return oldest?.nextAttemptTime ?? undefined;
    },
    run: (refundId, signal) => advanceRefund(parts, refundId, { timeoutMs, signal }),
  };
}
