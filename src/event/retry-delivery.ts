import type { Caller } from '../platform/calls';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import type { Database } from '../platform/db/database';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { eventErrors } from './event.errors';
import { EventDeliveryRow } from './event-delivery.model';

/** Have a delivery tried again. */
export interface RetryDeliveryCommand {
  readonly requestId: string;
  readonly deliveryId: number;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

type Response = { readonly deliveryId: number };

/**
 * A delivery that failed waits again, as a new one; one that waits is due at once. Throws, in this order,
 * EVENT_DELIVERY_NOT_FOUND, REQUEST_ID_REUSED, EVENT_NOT_FOUND (its event is older than events are kept).
 */
export async function retryDelivery(db: Database, command: RetryDeliveryCommand): Promise<CommandResult<Response>> {
  const { requestId, deliveryId, caller, now, signal } = command;
  const key = { service: 'EventService', owner: `caller:${caller.identity}`, requestId, kind: 'RetryEventDelivery' };
  return runCommand(
    db,
    { ...key, content: { delivery_id: String(deliveryId) }, now, signal },
    { lock: (tx) => lockDelivery(tx, deliveryId), run: (tx, row) => retry(tx, row, command) },
  );
}

export function deliveryNotFound(deliveryId: number): Error {
  return eventErrors.EVENT_DELIVERY_NOT_FOUND({ metadata: { delivery_id: String(deliveryId) } });
}

async function lockDelivery(tx: Tx, deliveryId: number): Promise<EventDeliveryRow> {
  const row = await EventDeliveryRow.query(tx).findById(deliveryId).forUpdate();
  if (row === undefined) throw deliveryNotFound(deliveryId);
  return row;
}

async function retry(
  tx: Tx,
  { id, sink, eventId, outboxId, state, attempts, lastError }: EventDeliveryRow,
  { requestId, caller, now }: RetryDeliveryCommand,
): Promise<CommandEffect<Response>> {
  if (state === 'delivered') return { response: { deliveryId: id }, audit: [], events: [] };
  const event = await tx('outbox').where('id', outboxId).first<{ readonly id: number } | undefined>('id');
  if (event === undefined) throw eventErrors.EVENT_NOT_FOUND({ metadata: { event_id: eventId } });
  const anew = { state: 'pending', attempts: 0, nextAttemptTime: now, endTime: null } as const;
  expectRows(await EventDeliveryRow.query(tx).where({ id, state }).patch(anew), 1, `delivery ${id}`);
  const subject = { subjectType: 'event_delivery', subjectId: String(id), userId: null } as const;
  const before = { sink, event_id: eventId, state, attempts, last_error: lastError };
  return {
    response: { deliveryId: id },
    audit: [
      { action: 'RetryEventDelivery', actor: caller.identity, ...subject, cause: requestId, before, after: anew },
    ],
    events: [],
  };
}
