import { setTimeout as pause } from 'node:timers/promises';
import { GetReviewRequest, ReviewState, RunReviewRequest, type Review } from '../../src/gen/billing/v1/review.pb';
import { call, mustSucceed, type BillingClient, type Identity } from './clients';
import { until } from './harness';

/** RunReview and GetReview as an auditor calls them. */

interface Callers {
  as(identity: Identity): BillingClient;
}

export function runReviewCall(
  h: Callers,
  requestId: string,
  fields: Partial<RunReviewRequest> = {},
  as: Identity = 'auditor',
) {
  const { audit } = h.as(as);
  return call(audit.runReview.bind(audit), RunReviewRequest.fromPartial({ requestId, ...fields }));
}

export function getReviewCall(h: Callers, reviewId: string, withDocument = false, as: Identity = 'auditor') {
  const { audit } = h.as(as);
  return call(audit.getReview.bind(audit), GetReviewRequest.fromPartial({ reviewId, withDocument }));
}

/** Waits for a review's end. Returns it with its document. */
export async function endedReview(h: Callers, reviewId: string): Promise<Review> {
  const isOpen = (state: ReviewState | undefined): boolean =>
    state === ReviewState.REQUESTED || state === ReviewState.RUNNING;
  const hasEnded = async (): Promise<boolean> => {
    // The review may be made by this process, too: asking without a pause would leave it no time.
    await pause(100);
    return !isOpen((await mustSucceed(getReviewCall(h, reviewId))).review?.state);
  };
  await until('the review has ended', hasEnded, 60_000);
  const { review } = await mustSucceed(getReviewCall(h, reviewId, true));
  if (review === undefined) throw new Error('no review');
  return review;
}
