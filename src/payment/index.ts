/** What other domains may use of payment. Meaning and invariants: README.md. */
export { firstAttemptOf, openAutomaticRefund, openRefund } from './open-refund';
export { PaymentRow } from './payment.model';
export { RefundRow, type RefundCause, type RefundDecision } from './refund.model';
export { isCounted, isOpen, nextRefundStatus, type RefundEvent, type RefundStatus } from './refund-state';
export { createPaymentService } from './payment.rpc';
export { findPayment, recordNothingToPay, recordPayment, tellPayment } from './record-payment';
export { applyDueNotifications } from './wechatpay/inbox/apply-due-notifications.job';
export type { ApplyNotification, ApplyResult } from './wechatpay/inbox/apply-notification';
export type { WechatpayClient } from './wechatpay/client/client';
export { eraseEvidence } from './wechatpay/inbox/erase-evidence';
export {
  BODY_COLUMN,
  DUE_NOTIFICATIONS_MAX,
  lockNotification,
  settleNotification,
  type PaymentItem,
  type RefundItem,
} from './wechatpay/inbox/inbox';
export { judgeEvidence, type SealedNotification } from './wechatpay/inbox/judge-evidence';
export { readMerchantKey } from './wechatpay/keys';
export { createNotificationHandler } from './wechatpay/inbox/notification.route';
export type { PaymentParameters } from './wechatpay/prepay';
export type { RefundRequest, ToldRefund } from './wechatpay/refund';
export type { WechatpayTransaction } from './wechatpay/transaction';
export { createWechatpay, type Wechatpay } from './wechatpay/wechatpay';
export { wechatpayErrors, WechatpayRefused } from './wechatpay/wechatpay.errors';
