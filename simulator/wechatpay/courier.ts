import { Agent, request } from 'undici';
import type { Clock } from '../../src/platform/clock';
import type { Books } from './books';
import type { Corruption } from './corruption';
import { isAccepted, type Attempt, type Delivery } from './delivery';
import { corruptionOf, type Faults } from './faults';
import type { KeyRing } from './key-ring';
import type { Log } from './log';
import { notificationRequest } from './notification';

const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;
const REAL_RETRY_DELAYS_MS = [
  ...[15 * S, 15 * S, 30 * S, 3 * MIN, 10 * MIN, 20 * MIN, 30 * MIN, 30 * MIN, 30 * MIN],
  ...[60 * MIN, 3 * H, 3 * H, 3 * H, 6 * H, 6 * H],
];

/** WeChat Pay's own retry table, a hundred times faster. */
export const COMPRESSED_RETRY_DELAYS_MS: readonly number[] = REAL_RETRY_DELAYS_MS.map((delayMs) => delayMs / 100);

/** How long WeChat Pay waits for the answer to a notification. */
export const CALLBACK_TIMEOUT_MS = 5_000;

const ANSWER_BYTES_MAX = 65_536;

interface CourierOptions {
  readonly books: Books;
  readonly keys: KeyRing;
  readonly apiv3Key: string;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly log: Log;
  readonly retryDelaysMs: readonly number[];
  readonly callbackTimeoutMs: number;
}

/** Brings notifications to the merchant and repeats them on the schedule until they are accepted. */
export class Courier {
  private readonly agent = new Agent({ maxResponseSize: ANSWER_BYTES_MAX });
  private readonly closing = new AbortController();
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor(private readonly options: CourierOptions) {}

  /** Takes up what was pending when the last process ended. */
  resume(): void {
    for (const delivery of this.options.books.pendingDeliveries()) this.schedule(delivery);
  }

  /** Makes one attempt now, books its outcome and plans the next; resolves once it was answered or failed. */
  async attempt(delivery: Delivery): Promise<Attempt> {
    if (!this.options.books.settings().areCallbacksEnabled) return this.fail(delivery, 'CALLBACKS_OFF');
    const spoilt = delivery.attempts.length === 0 ? delivery.corruption : undefined;
    if (spoilt !== undefined) return this.send(delivery, spoilt);
    const fault = this.options.faults.takeForCallback(new URL(delivery.url).pathname);
    switch (fault?.name) {
      case 'callback-lost':
        return this.fail(delivery, 'LOST');
      case 'callback-duplicated':
        return (await Promise.all([this.send(delivery, undefined), this.post(delivery, undefined)]))[0];
      case 'callback-delayed':
        return this.postpone({ ...delivery, isHeld: false }, 'DELAYED', fault.delayMs);
      case 'callback-reordered':
        if (delivery.eventType !== 'TRANSACTION.SUCCESS') return this.send(delivery, undefined);
        return this.postpone({ ...delivery, isHeld: true }, 'HELD', fault.delayMs);
      default:
        return this.send(delivery, fault === undefined ? undefined : corruptionOf(fault.name));
    }
  }

  /** Attempts at the booked time. The timer does not keep the process alive. */
  schedule(delivery: Delivery): void {
    const delayMs = Math.max(0, delivery.nextAttemptTimeMs - this.options.clock.machineNow().getTime());
    const timer = setTimeout(() => {
      this.timers.delete(delivery.deliveryId);
      void this.attempt(this.options.books.delivery(delivery.deliveryId) ?? delivery);
    }, delayMs);
    timer.unref();
    this.timers.set(delivery.deliveryId, timer);
  }

  /** Stops repeating a notification of a payment that was replaced. */
  supersede(delivery: Delivery): void {
    this.unschedule(delivery);
    this.options.books.putDelivery({ ...delivery, state: 'superseded' });
  }

  async close(): Promise<void> {
    this.closing.abort();
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    await this.agent.destroy();
  }

  private unschedule(delivery: Delivery): void {
    clearTimeout(this.timers.get(delivery.deliveryId));
    this.timers.delete(delivery.deliveryId);
  }

  private async send(delivery: Delivery, corruption: Corruption | undefined): Promise<Attempt> {
    const attempt = await this.post(delivery, corruption);
    // A process that is closing books nothing: the delivery stays pending and the next process takes it up.
    if (this.closing.signal.aborted) return attempt;
    this.book(delivery.deliveryId, attempt);
    if (delivery.eventType !== 'TRANSACTION.SUCCESS') this.letGo(delivery.outTradeNo);
    return attempt;
  }

  /** WeChat Pay believes that it sent, and hears nothing. */
  private fail(delivery: Delivery, why: string): Attempt {
    const attempt = { status: 0, body: why, timeMs: this.options.clock.machineNow().getTime() };
    this.book(delivery.deliveryId, attempt);
    return attempt;
  }

  /** Not an attempt: it is made later, and may then meet another fault. */
  private postpone(delivery: Delivery, why: string, delayMs: number): Attempt {
    const timeMs = this.options.clock.machineNow().getTime();
    const postponed = { ...delivery, nextAttemptTimeMs: timeMs + delayMs };
    this.options.books.putDelivery(postponed);
    this.schedule(postponed);
    return { status: 0, body: why, timeMs };
  }

  /** Sends what waited until a refund of the order was told. */
  private letGo(outTradeNo: string): void {
    const { books } = this.options;
    for (const delivery of books.deliveriesOf(outTradeNo)) {
      if (delivery.isHeld !== true || delivery.state !== 'pending') continue;
      this.unschedule(delivery);
      const free = { ...delivery, isHeld: false };
      books.putDelivery(free);
      void this.send(free, undefined);
    }
  }

  private async post(delivery: Delivery, corruption: Corruption | undefined): Promise<Attempt> {
    const { clock, keys, apiv3Key, callbackTimeoutMs } = this.options;
    const key = keys.signingKey(delivery.serialMode);
    const { headers, body } = notificationRequest({ delivery, corruption, key, apiv3Key, now: clock.now() });
    const timeMs = clock.machineNow().getTime();
    const signal = AbortSignal.any([this.closing.signal, AbortSignal.timeout(callbackTimeoutMs)]);
    try {
      const answer = await request(delivery.url, { method: 'POST', headers, body, signal, dispatcher: this.agent });
      return { status: answer.statusCode, body: await answer.body.text(), timeMs };
    } catch (error) {
      return { status: 0, body: failureName(error), timeMs };
    }
  }

  private book(deliveryId: string, attempt: Attempt): void {
    const { books, clock, log, retryDelaysMs } = this.options;
    const delivery = books.delivery(deliveryId);
    if (delivery === undefined) throw new Error(`No such delivery: ${deliveryId}`);
    const attempts = [...delivery.attempts, attempt];
    const next = settled(delivery, attempts, retryDelaysMs, clock.machineNow().getTime());
    books.putDelivery(next);
    if (next.state === 'pending') this.schedule(next);
    const { notificationId, outTradeNo, state } = next;
    log({ event: 'notification', notificationId, outTradeNo, attempt: attempts.length, status: attempt.status, state });
  }
}

function settled(
  delivery: Delivery,
  attempts: readonly Attempt[],
  retryDelaysMs: readonly number[],
  machineNowMs: number,
): Delivery {
  const last = attempts.at(-1);
  if (last !== undefined && isAccepted(last)) return { ...delivery, attempts, state: 'delivered' };
  if (delivery.state !== 'pending') return { ...delivery, attempts };
  const delayMs = delivery.isRetried ? retryDelaysMs[attempts.length - 1] : undefined;
  if (delayMs === undefined) return { ...delivery, attempts, state: 'abandoned' };
  return { ...delivery, attempts, nextAttemptTimeMs: machineNowMs + delayMs };
}

/** The code of a socket's failure, else the error's name: `ECONNREFUSED`, `TimeoutError`. */
function failureName(error: unknown): string {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  return String(typeof code === 'string' ? code : name);
}
