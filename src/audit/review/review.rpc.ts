import { z } from 'zod';
import { ReviewState, ReviewVerdict, type Review } from '../../gen/billing/v1/review.pb';
import type { Clock } from '../../platform/clock';
import type { Database } from '../../platform/db/database';
import * as rules from '../../platform/request-rules';
import type { AuditHandlers } from '../audit.rpc';
import { requestReview } from './request-review';
import type { ReviewProgress } from './review';
import type { ReviewRow } from './review.model';
import { readReview } from './review.queries';

/** Who signs for reviews unless somebody is named: as in the owner's template. */
export const DEFAULT_REVIEWER = 'billing_guard_skill';

const runRequest = z.object({
  requestId: rules.opaqueId,
  reviewer: z
    .string()
    .regex(/^[^\p{Cc}\p{Cs}]{0,64}$/u, 'must have at most 64 characters and no control characters')
    .transform((name) => (name.trim() === '' ? DEFAULT_REVIEWER : name.trim())),
});

const getRequest = z.object({ reviewId: rules.optionalOpaqueId, withDocument: z.boolean() });

const STATES: Readonly<Record<ReviewRow['state'], ReviewState>> = {
  requested: ReviewState.REQUESTED,
  running: ReviewState.RUNNING,
  done: ReviewState.DONE,
  failed: ReviewState.FAILED,
};

const VERDICTS: Readonly<Record<'passed' | 'failed', ReviewVerdict>> = {
  passed: ReviewVerdict.PASSED,
  failed: ReviewVerdict.FAILED,
};

/** The handlers of RunReview and GetReview. */
export function createReviewHandlers({
  db,
  clock,
}: {
  readonly db: Database;
  readonly clock: Clock;
}): Pick<AuditHandlers, 'runReview' | 'getReview'> {
  return {
    runReview: async ({ caller, signal }, request) => {
      const command = { ...runRequest.parse(request), caller, signal, now: clock.now() };
      const { response, replayed } = await requestReview(db, command);
      return { review: toReviewMessage(await readReview(db, response.reviewId), false), replayed };
    },
    getReview: async (_context, request) => {
      const { reviewId, withDocument } = getRequest.parse(request);
      return { review: toReviewMessage(await readReview(db, reviewId), withDocument) };
    },
  };
}

function toReviewMessage(row: ReviewRow, withDocument: boolean): Review {
  const { checksDone, checksTotal, at, rows } = JSON.parse(row.progress) as ReviewProgress;
  const { id: reviewId, reviewer, requestedBy, error, createTime } = row;
  return {
    ...{ reviewId, reviewer, requestedBy, error, createTime },
    state: STATES[row.state],
    progress: { checksDone, checksTotal, at, rows },
    verdict: row.verdict === null ? ReviewVerdict.UNSPECIFIED : VERDICTS[row.verdict],
    severeProblems: row.severe ?? 0,
    mediumProblems: row.medium ?? 0,
    minorProblems: row.minor ?? 0,
    startTime: row.startTime ?? undefined,
    endTime: row.endTime ?? undefined,
    document: withDocument ? (row.document ?? '') : '',
  };
}
