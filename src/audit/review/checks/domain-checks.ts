import type { Check } from '../check';
import { COUPON_CHECKS } from './coupons';
import { GRANT_CHECKS } from './grants';
import { LIMBO_CHECKS } from './limbo';
import { MONEY_CHECKS } from './money';
import { NOTIFICATION_CHECKS } from './notifications';
import { ORDER_CHECKS } from './orders';
import { PAYMENT_CHECKS } from './payments';
import { QUOTA_CHECKS } from './quota';
import { QUOTA_LOG_CHECKS } from './quota-log';
import { REFUND_CHECKS } from './refunds';
import { ROWS_GONE } from './rows-gone';
import { SOLD_PERIODS } from './sold-periods';
import { TRACE_CHECKS } from './traces';

/** What the domains must agree about, from amounts to limbo. */
export const DOMAIN_CHECKS: readonly Check[] = [
  ...MONEY_CHECKS,
  ...COUPON_CHECKS,
  ...ORDER_CHECKS,
  ...PAYMENT_CHECKS,
  ...NOTIFICATION_CHECKS,
  ...REFUND_CHECKS,
  ...GRANT_CHECKS,
  ...QUOTA_CHECKS,
  ...QUOTA_LOG_CHECKS,
  ...TRACE_CHECKS,
  ROWS_GONE,
  SOLD_PERIODS,
  ...LIMBO_CHECKS,
];
