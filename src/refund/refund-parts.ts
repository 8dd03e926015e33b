import { logOpenedAlerts, type Alert } from '../alert';
import type { OrderStatus } from '../order';
import type { RefundCause, RefundStatus, WechatpayClient } from '../payment';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import type { Logger } from '../platform/log';
import type { AloneLimits } from './refund-alone';

/** What refunds need, and whom they tell. */
export interface RefundParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly wechatpay: Pick<WechatpayClient, 'refund' | 'queryRefund'>;
  /** Longest time for one call to WeChat Pay, however much the caller has left. */
  readonly wechatpayTimeoutMs: number;
  /** Where WeChat Pay sends its notifications of refunds made now. */
  readonly notifyUrl: string;
  /** The grace of units that come back late, for those frozen now. */
  readonly compensationGraceDays: number;
  /** What one person may give back without another. */
  readonly aloneLimits: AloneLimits;
  /** A refund entered a status. Called after the commit. */
  readonly onStatus: (cause: RefundCause, status: RefundStatus) => void;
  /** An order entered a status. Called after the commit. */
  readonly onOrderStatus: (status: OrderStatus) => void;
}

/** What a transaction did that is told after its commit. */
export interface RefundEffects {
  readonly entered: readonly { readonly cause: RefundCause; readonly status: RefundStatus }[];
  readonly alerts: readonly Alert[];
  readonly isOrderRefunded: boolean;
}

export const NO_EFFECTS: RefundEffects = { entered: [], alerts: [], isOrderRefunded: false };

/** Tells what a committed transaction did. */
export function tellEffects(parts: RefundParts, { entered, alerts, isOrderRefunded }: RefundEffects): void {
  for (const { cause, status } of entered) parts.onStatus(cause, status);
  if (isOrderRefunded) parts.onOrderStatus('refunded');
  logOpenedAlerts(parts.log, alerts);
}
