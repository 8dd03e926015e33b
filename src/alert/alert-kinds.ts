/** What an alert is about: the table its subject's id is of. */
export type AlertSubject =
  | 'order'
  | 'payment'
  | 'refund'
  | 'notification'
  | 'dead_letter'
  | 'anchor'
  | 'sealed_column'
  | 'data_key'
  | 'certificate';

/** `critical`: money or a right is wrong until somebody acts. `warning`: it is under way, or needs a look. */
export type AlertSeverity = 'warning' | 'critical';

/**
 * Every kind of alert, and what its subjects are. What a person does about each: docs/alerts.md, which is compared with
 * this table in both directions.
 */
export const ALERT_KINDS = {
  /** What WeChat Pay told of a payment does not match the order: another amount, currency, merchant or app. */
  payment_mismatch: ['order', 'notification'],
  /** WeChat Pay told of a payment for an order that we do not have. */
  payment_unknown_order: ['notification'],
  /** Money arrived for an order that was not waiting for it; it is on its way back. */
  payment_not_awaited: ['payment'],
  /** WeChat Pay closed a refund: the money did not go back under that number. */
  refund_closed: ['refund'],
  /** WeChat Pay could not give the money back: the payer's account takes none. */
  refund_abnormal: ['refund'],
  /** WeChat Pay refused a refund for good. */
  refund_failed: ['refund'],
  /** WeChat Pay refuses a refund for now, for want of money for example. */
  refund_delayed: ['refund'],
  /** A refund waits for the approval of another person. */
  refund_proposed: ['refund'],
  /** A refund that we never asked for was made, in the merchant portal for example; it was booked. */
  refund_external: ['refund'],
  /**
   * WeChat Pay told of a refund that can not be booked: of no payment of ours, of more than was paid, or, of an order whose
   * payment we did not know yet, only that there was one.
   */
  refund_unmatched: ['notification', 'refund', 'order'],
  /** Notifications that WeChat Pay signed are not opened by our APIv3 key. */
  notification_undecryptable: ['notification'],
  /** An order should have ended an hour ago. */
  order_stuck: ['order'],
  /** An order with an invoice was refunded. */
  invoice_of_refunded_order: ['order'],
  /** The files of the service's certificates were replaced by what can not be used. */
  tls_refused: ['certificate'],
  /** A certificate ends within 30 days. */
  certificate_expiring: ['certificate'],
  /** A job failed for the last time: its subject is left alone, or all of it if it has none. */
  job_dead_letter: ['dead_letter'],
  /** The database contradicts an anchor: history was changed, or an anchor was. */
  anchor_conflict: ['anchor'],
  /** Sealed values that no key of the ring opens, found by a rotation. */
  sealed_values_unreadable: ['sealed_column'],
  /** A data key seals something and is not in the ring, or has other bytes there. */
  data_key_missing: ['data_key'],
} as const satisfies Readonly<Record<string, readonly AlertSubject[]>>;

export type AlertKind = keyof typeof ALERT_KINDS;
