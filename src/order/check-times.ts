import { addMs } from '../platform/time';
import type { OrderRow } from './order.model';

/** When WeChat Pay is asked about an order; pure. Callbacks make an order paid at once: asking only finds what they lost. */

/**
 * From an order being made to the first question: most are paid or left before, and the page that waits asks by itself
 * (GetOrder with refresh), so that few questions are asked in vain.
 */
const OPEN_FIRST_MS = 60_000;
/** From closing being asked for to the first look of the job, which the caller's own may make needless. */
const CLOSING_FIRST_MS = 5_000;
/** Questions are doubled apart up to this: an order that nobody pays costs little, and one that is stuck is not left. */
const PAUSE_MAX_MS = 300_000;

/** What the next question depends on. */
type Checked = Pick<OrderRow, 'status' | 'expireTime' | 'checkAttempts'>;

/** After `checkAttempts` questions, when the next is due. One that can be paid is asked about when its time ends at the latest. */
export function nextCheckTime({ status, expireTime, checkAttempts }: Checked, now: Date): Date {
  const firstMs = status === 'closing' ? CLOSING_FIRST_MS : OPEN_FIRST_MS;
  const next = addMs(now, Math.min(PAUSE_MAX_MS, firstMs * 2 ** Math.min(checkAttempts, 10)));
  const mayExpireFirst = status !== 'closing' && now < expireTime;
  return mayExpireFirst && expireTime < next ? expireTime : next;
}
