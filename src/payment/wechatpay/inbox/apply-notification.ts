import type { PaymentItem, RefundItem } from './inbox';

/** What became of a stored notification. */
export type ApplyResult =
  | { readonly kind: 'applied' | 'already_applied' }
  /** What it tells of depends on something that we do not know yet: the row stays as it is. */
  | { readonly kind: 'not_yet' }
  /** The verified content does not match what we know: recorded, never applied. */
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Applies what a stored notification tells, and settles its row in the same transaction. Idempotent, at any time. The
 * root gives it: a payment is the order domain's, a refund the refund domain's.
 */
export type ApplyNotification = (item: PaymentItem | RefundItem, now: Date) => Promise<ApplyResult>;
