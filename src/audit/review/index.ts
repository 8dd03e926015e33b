/** What the root, the command line and the rest of the audit may use of reviews. Meaning: README.md. */
export { renderHtml } from './render-html';
export { renderJson } from './render-json';
export { renderMarkdown } from './render-markdown';
export { type ReviewProgress } from './review';
export { reviewAt } from './review-at';
export { readReviewFacts } from './review-facts';
export { createReviewHandlers, DEFAULT_REVIEWER } from './review.rpc';
export { runReviews } from './run-reviews.job';
export { signReview, verifyReview, type SignedReview } from './sign-review';
