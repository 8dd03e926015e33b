import type { SignedReview } from './sign-review';

/** The report for programs, and the one that proves itself: the review with its hash and signature. */
export function renderJson(signed: SignedReview): string {
  return `${JSON.stringify(signed, null, 2)}\n`;
}
