import { RefundRow } from '../payment';
import { readOnly } from '../platform/db/tx';
import type { QueuedJob } from '../platform/jobs/queued-job';
import { expireProposal } from './decide-refund';
import type { RefundParts } from './refund-parts';

/** Ends proposals that nobody approved in time. Nothing waits for it: an approval that comes too late is refused by the time. */
export function expireProposedRefunds(parts: RefundParts, concurrency: number): QueuedJob {
  const { db, clock } = parts;
  const over = (most: number) =>
    readOnly(db, (reader) =>
      RefundRow.query(reader)
        .where('status', 'proposed')
        .where('approveDeadline', '<=', clock.now())
        .orderBy('approveDeadline')
        .limit(most),
    );
  return {
    name: 'expire-proposed-refunds',
    concurrency,
    findDue: async (most) => (await over(most)).map(({ id }) => id),
    oldestDue: async () => (await over(1))[0]?.approveDeadline ?? undefined,
    run: (refundId) => expireProposal(parts, refundId),
  };
}
