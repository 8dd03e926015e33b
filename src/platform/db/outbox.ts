import type { Tx } from './tx';

/** Something that happened and that others may want to know. Leaves the process only after COMMIT, as a row. */
export interface OutboxEvent {
  /** Dotted past tense, for example `order.paid`. */
  readonly type: string;
  /** Whose event it is; events are delivered in order per user. Null: the payload names the users it tells of. */
  readonly userId: string | null;
  /** Ids and amounts; no personal data, no secret. */
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Writes events in the transaction of the change they tell of. */
export async function appendEvents(tx: Tx, events: readonly OutboxEvent[], now: Date): Promise<void> {
  if (events.length === 0) return;
  await tx('outbox').insert(
    events.map((event) => ({
      type: event.type,
      userId: event.userId,
      payload: JSON.stringify(event.payload),
      createTime: now,
    })),
  );
}
