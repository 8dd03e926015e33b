/** The life of a refund as data: what may follow what. Anything else is refused. */
export type RefundStatus = 'proposed' | 'created' | 'processing' | 'succeeded' | 'closed' | 'abnormal' | 'failed';

/** What happens to a refund. */
export type RefundEvent =
  /** Another person agreed to it. */
  | 'approved'
  /** Another person did not, or nobody did in time: no money moves. */
  | 'rejected'
  /** WeChat Pay accepted it: the money is on its way. */
  | 'accepted'
  /** The money went back. */
  | 'succeeded'
  /** WeChat Pay gave it up: no money moved. */
  | 'closed'
  /** The money can not reach the payer by itself: people act in the merchant portal. */
  | 'stuck'
  /** WeChat Pay refused it for good and knows no such refund. */
  | 'refused';

/**
 * Any message may be the first that we hear: a notification can overtake the answer to what caused it. What people do
 * about an abnormal refund sends its money on its way again. What ended never moves again. A proposal is not known to WeChat
 * Pay: nothing that it tells moves one.
 */
const TRANSITIONS: Readonly<Record<RefundStatus, Partial<Record<RefundEvent, RefundStatus>>>> = {
  proposed: { approved: 'created', rejected: 'closed' },
  created: {
    accepted: 'processing',
    succeeded: 'succeeded',
    closed: 'closed',
    stuck: 'abnormal',
    refused: 'failed',
  },
  processing: { succeeded: 'succeeded', closed: 'closed', stuck: 'abnormal' },
  abnormal: { accepted: 'processing', succeeded: 'succeeded', closed: 'closed' },
  succeeded: {},
  closed: {},
  failed: {},
};

/** The status an event leads to; undefined when it changes nothing or may not happen in this status. */
export function nextRefundStatus(status: RefundStatus, event: RefundEvent): RefundStatus | undefined {
  return TRANSITIONS[status][event];
}

/** Whether a refund took, or may yet take, its amount of its payment: all but what ended without moving money. */
export function isCounted(status: RefundStatus): boolean {
  return status !== 'closed' && status !== 'failed';
}

/** Whether it is not known yet how a refund ends. */
export function isOpen(status: RefundStatus): boolean {
  return status === 'proposed' || status === 'created' || status === 'processing' || status === 'abnormal';
}
