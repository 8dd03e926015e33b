import type { Corruption } from './corruption';
import type { SerialMode } from './material';
import type { RefundOutcome } from './refund';

/** One answer of the merchant; status 0 means that none came (refused, dropped or timed out), body then says why. */
export interface Attempt {
  readonly status: number;
  readonly body: string;
  readonly timeMs: number;
}

/** What a notification can be about. */
export type EventType = 'TRANSACTION.SUCCESS' | `REFUND.${RefundOutcome}`;

/** One copy of a notification on its way. Values are replaced, never changed in place. */
export interface Delivery {
  readonly deliveryId: string;
  /** The same for all copies and repeats of one notification. */
  readonly notificationId: string;
  readonly eventType: EventType;
  readonly outTradeNo: string;
  readonly transactionId: string;
  readonly url: string;
  /** The plaintext that is encrypted anew for every attempt. */
  readonly resource: object;
  readonly createTime: string;
  readonly serialMode: SerialMode;
  /** Spoils the first attempt only: like WeChat Pay after a signature probe, repeats are true. */
  readonly corruption?: Corruption;
  readonly isRetried: boolean;
  /** Waits until a refund of the same order was told, or for its time, whichever comes first. */
  readonly isHeld?: boolean;
  /** superseded: the payment it tells of was replaced by another. */
  readonly state: 'pending' | 'delivered' | 'abandoned' | 'superseded';
  readonly attempts: readonly Attempt[];
  /** On the machine's clock, which timers follow; meaningless once no longer pending. */
  readonly nextAttemptTimeMs: number;
}

/** Only these two statuses count; their body is not looked at. */
export function isAccepted(attempt: Attempt): boolean {
  return attempt.status === 200 || attempt.status === 204;
}
