import { randomUUID } from 'node:crypto';
import type { Clock } from '../../src/platform/clock';
import type { Books } from './books';
import type { Corruption } from './corruption';
import type { Courier } from './courier';
import type { Attempt, Delivery } from './delivery';
import { newNotificationId } from './identifiers';
import type { KeyRing } from './key-ring';
import type { SerialMode } from './material';
import { shanghaiRfc3339 } from './time';

/** What is to be told, and where. */
export type Notice = Pick<Delivery, 'eventType' | 'outTradeNo' | 'transactionId' | 'url' | 'resource'>;

/** How it is told. README.md says what each field of the control API does. */
export interface Telling {
  readonly duplicates?: number;
  readonly delay_ms?: number;
  readonly drop?: boolean;
  readonly corrupt?: Corruption;
  readonly retry?: boolean;
  readonly serial_mode?: SerialMode;
}

interface NotifierDependencies {
  readonly books: Books;
  readonly courier: Courier;
  readonly keys: KeyRing;
  readonly clock: Clock;
}

/** Makes notifications and hands them to the courier. */
export class Notifier {
  constructor(private readonly dependencies: NotifierDependencies) {}

  /**
   * Sends all copies at the same time. Resolves with the merchant's first answer to each; with nothing when the
   * notification is dropped or delayed, or notifications are switched off.
   */
  async tell(notice: Notice, how: Telling): Promise<Attempt[]> {
    const { books, courier } = this.dependencies;
    if (how.drop === true || !books.settings().areCallbacksEnabled) return [];
    const copies = this.copies(notice, how);
    for (const copy of copies) books.putDelivery(copy);
    if (how.delay_ms === undefined) return Promise.all(copies.map((copy) => courier.attempt(copy)));
    for (const copy of copies) courier.schedule(copy);
    return [];
  }

  private copies(notice: Notice, how: Telling): Delivery[] {
    const { clock, keys } = this.dependencies;
    const shared = {
      ...notice,
      notificationId: newNotificationId(clock.now()),
      createTime: shanghaiRfc3339(clock.now()),
      serialMode: how.serial_mode ?? keys.callbackMode(),
      ...(how.corrupt === undefined ? {} : { corruption: how.corrupt }),
      isRetried: how.retry ?? how.corrupt === undefined,
      state: 'pending',
      attempts: [],
      nextAttemptTimeMs: clock.machineNow().getTime() + (how.delay_ms ?? 0),
    } as const;
    return Array.from({ length: how.duplicates ?? 1 }, () => ({ deliveryId: randomUUID(), ...shared }));
  }
}
