/** What the root builds refunds from. Meaning, policy and invariants: README.md. */
export { advanceDueRefunds } from './advance-due-refunds.job';
export { expireProposedRefunds } from './expire-proposed-refunds.job';
export { applyRefund, applyRefundNotification } from './apply-refund';
export type { RefundParts } from './refund-parts';
export { readRefundsOf } from './refund.queries';
export { createRefundHandlers, toRefundMessage } from './refund.rpc';
