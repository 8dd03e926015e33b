/** The life of an order as data: what may follow what. Anything else is refused. */
export type OrderStatus = 'created' | 'pending' | 'closing' | 'paid' | 'closed' | 'failed' | 'refunded';

/** What happens to an order. */
export type OrderEvent =
  /** WeChat Pay accepts payment for it. */
  | 'prepaid'
  /** WeChat Pay refused to open it for good. */
  | 'prepay_refused'
  /** The whole amount arrived, or there was nothing to pay. */
  | 'paid'
  /** It was cancelled, or its time is over: no payment is opened for it any more, and WeChat Pay is told. */
  | 'close_requested'
  /** WeChat Pay will not take money for it any more. */
  | 'closed'
  /** All that was paid for it went back. */
  | 'refunded';

/**
 * `created` may be paid: a callback can arrive before the answer to the prepay that made it possible. `closing` may be
 * paid: the payer may be faster than we are.
 */
const TRANSITIONS: Readonly<Record<OrderStatus, Partial<Record<OrderEvent, OrderStatus>>>> = {
  created: {
    prepaid: 'pending',
    prepay_refused: 'failed',
    paid: 'paid',
    close_requested: 'closing',
    closed: 'closed',
  },
  pending: { paid: 'paid', close_requested: 'closing', closed: 'closed' },
  closing: { paid: 'paid', closed: 'closed' },
  paid: { refunded: 'refunded' },
  closed: {},
  failed: {},
  refunded: {},
};

/** The status an event leads to; undefined when it may not happen in this status. */
export function nextStatus(status: OrderStatus, event: OrderEvent): OrderStatus | undefined {
  return TRANSITIONS[status][event];
}
