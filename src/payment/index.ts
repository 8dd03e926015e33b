/** What other domains may use of payment. Meaning and invariants: README.md. */
export { findPayment, recordNothingToPay, recordPayment } from './record-payment';
export { createWechatpayClient, type WechatpayClient } from './wechatpay/client';
export {
  DUE_NOTIFICATIONS_MAX,
  lockNotification,
  postponeNotification,
  readDueNotifications,
  settleNotification,
  type InboxItem,
} from './wechatpay/inbox';
export { createKeyRing, readMerchantKey } from './wechatpay/keys';
export { createNotificationHandler, type ApplyResult } from './wechatpay/notification.route';
export type { WechatpayTransaction } from './wechatpay/transaction';
export { wechatpayErrors, WechatpayRefused } from './wechatpay/wechatpay.errors';
