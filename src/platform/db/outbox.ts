import { insertOf, writeTogether, type Write } from './statements';
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

/** The statement that writes events; none for none. As text, because nearly every transaction writes some. */
export function eventWrites(events: readonly OutboxEvent[], now: Date): readonly Write[] {
  const rows = events.map(({ type, userId, payload }) => [type, userId, JSON.stringify(payload), now]);
  return rows.length === 0 ? [] : [insertOf('outbox', ['type', 'user_id', 'payload', 'create_time'], rows)];
}

/** Writes events in the transaction of the change they tell of. */
export async function appendEvents(tx: Tx, events: readonly OutboxEvent[], now: Date): Promise<void> {
  await writeTogether(tx, eventWrites(events, now));
}
