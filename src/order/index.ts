/** What main.ts builds orders from. Meaning and invariants: README.md. */
export { applyDuePayments } from './apply-due-payments.job';
export { applyPayment, type ApplyPaymentParts } from './apply-payment';
export { createOrderService } from './order.rpc';
