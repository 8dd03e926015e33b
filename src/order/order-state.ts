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
  /** WeChat Pay will not take money for it any more. */
  | 'closed';

/** `created` may be paid: a callback can arrive before the answer to the prepay that made it possible. */
const TRANSITIONS: Readonly<Partial<Record<OrderStatus, Partial<Record<OrderEvent, OrderStatus>>>>> = {
  created: { prepaid: 'pending', prepay_refused: 'failed', paid: 'paid', closed: 'closed' },
  pending: { paid: 'paid', closed: 'closed' },
  closing: { paid: 'paid', closed: 'closed' },
};

/** The status an event leads to; undefined when it may not happen in this status. */
export function nextStatus(status: OrderStatus, event: OrderEvent): OrderStatus | undefined {
  return TRANSITIONS[status]?.[event];
}
