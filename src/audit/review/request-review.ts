import type { Caller } from '../../platform/calls';
import { runCommand, type CommandResult } from '../../platform/db/command';
import type { Database } from '../../platform/db/database';
import type { Tx } from '../../platform/db/tx';
import { mintId } from '../../platform/ids';
import { reviewErrors } from './review.errors';
import { ReviewRow } from './review.model';
import type { ReviewProgress } from './review';

/** Have the database reviewed. */
export interface RequestReviewCommand {
  readonly requestId: string;
  /** Who answers for it: stands in the report. */
  readonly reviewer: string;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

interface Requested {
  readonly reviewId: string;
}

const NOT_BEGUN: ReviewProgress = { checksDone: 0, checksTotal: 0, at: '', rows: 0 };

/**
 * Notes that a review is wanted; a worker makes it. Throws, in this order, REQUEST_ID_REUSED, REVIEW_IN_PROGRESS. Of two that ask at
 * the same moment a unique key refuses one, which then runs again and finds the other.
 */
export function requestReview(db: Database, command: RequestReviewCommand): Promise<CommandResult<Requested>> {
  const { requestId, reviewer, caller, now, signal } = command;
  const key = { service: 'AuditService', owner: `caller:${caller.identity}`, requestId, kind: 'RunReview' };
  return runCommand(
    db,
    { ...key, content: { reviewer }, now, signal },
    {
      lock: () => Promise.resolve(),
      run: async (tx) => {
        await refuseOpen(tx);
        const id = mintId(now);
        const requestedBy = caller.identity;
        const progress = JSON.stringify(NOT_BEGUN);
        await ReviewRow.query(tx).insert({ id, reviewer, requestedBy, state: 'requested', progress, createTime: now });
        const about = { subjectType: 'review', subjectId: id, userId: null } as const;
        const entry = { action: 'RunReview', actor: requestedBy, cause: requestId, after: { reviewer } } as const;
        return { response: { reviewId: id }, audit: [{ ...entry, ...about }], events: [] };
      },
    },
  );
}

async function refuseOpen(tx: Tx): Promise<void> {
  const open = await ReviewRow.query(tx).select('id').whereNull('endTime').first();
  if (open !== undefined) throw reviewErrors.REVIEW_IN_PROGRESS({ metadata: { review_id: open.id } });
}
