/** What refunds and the root may use of orders. Meaning and invariants: README.md. */
export { applyPayment, applyTransaction, type ApplyPaymentParts } from './apply-payment';
export { checkDueOrders } from './check-due-orders.job';
export type { CheckOrderParts } from './check-order';
export { toOrderMessage } from './messages.rpc';
export { createPayerIndex, erasePayers, PAYER_COLUMN } from './order-payer';
export { createOrderRefreshLimits, type OrderRefreshLimits } from './order-refresh-limits';
export { createOrderService, type RefundHandlers } from './order.rpc';
export { countRefund, returnCouponOf } from './count-refund';
export { readSpokenFor } from './order-credits.queries';
export { orderErrors } from './order.errors';
export { OrderRow } from './order.model';
export { readEndedOrderIds, readOrder } from './order.queries';
export { readOpenOrders } from './open-orders.queries';
export type { OrderStatus } from './order-state';
