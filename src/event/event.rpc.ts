import { z } from 'zod';
import {
  EventDeliveryState,
  EventReplayState,
  EventServiceService,
  type EventDelivery,
  type EventReplay,
} from '../gen/billing/v1/event_service.pb';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import { platformErrors } from '../platform/errors';
import * as rules from '../platform/request-rules';
import { defineService, type RpcService } from '../platform/rpc/service';
import type { EventDeliveryRow } from './event-delivery.model';
import type { EventReplayRow } from './event-replays';
import { listDeliveries, readDelivery, readEventStatus } from './event.queries';
import { readReplay, replayEvents, type ReplayEventsCommand } from './replay-events';
import { retryDelivery } from './retry-delivery';

const REPLAY_STATES: Readonly<Record<EventReplayRow['state'], EventReplayState>> = {
  requested: EventReplayState.REQUESTED,
  running: EventReplayState.RUNNING,
  done: EventReplayState.DONE,
};

const DELIVERY_STATES: Readonly<Record<EventDeliveryRow['state'], EventDeliveryState>> = {
  pending: EventDeliveryState.PENDING,
  delivered: EventDeliveryState.DELIVERED,
  failed: EventDeliveryState.FAILED,
};

const replayRequest = z.object({
  requestId: rules.opaqueId,
  fromTime: rules.optionalInstant,
  fromEventId: z.string().regex(/^(?:[1-9]\d{0,14}(?:\.\d{1,6})?)?$/, 'is not the id of an event'),
});

const listRequest = z.object({
  state: rules.enumFilter(Object.values(DELIVERY_STATES)),
  sink: rules.optionalOpaqueId,
  pageSize: rules.pageSize,
  pageToken: rules.pageToken,
});

const retryRequest = z.object({
  requestId: rules.opaqueId,
  deliveryId: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'is not the id of a delivery')
    .transform(Number),
});

/** Where a replay begins: exactly one of the two. Throws INVALID_REQUEST. */
function startOf({ fromTime, fromEventId }: z.infer<typeof replayRequest>): ReplayEventsCommand['from'] {
  if (fromTime !== undefined && fromEventId === '') return { time: fromTime };
  if (fromTime === undefined && fromEventId !== '') return { eventId: fromEventId };
  const description = 'exactly one of from_time and from_event_id must be set';
  throw platformErrors.INVALID_REQUEST({ fieldViolations: [{ field: 'from_time', description }] });
}

function toReplayMessage(row: EventReplayRow): EventReplay {
  const { id: replayId, requestedBy, fromEvent, state, createTime, startTime, endTime } = row;
  return {
    ...{ replayId, requestedBy, createTime, fromEventId: String(fromEvent), state: REPLAY_STATES[state] },
    startTime: startTime ?? undefined,
    endTime: endTime ?? undefined,
  };
}

function toDeliveryMessage(row: EventDeliveryRow): EventDelivery {
  const { id, sink, eventId, type, userId, state, attempts, lastError, createTime, nextAttemptTime, endTime } = row;
  return {
    ...{ deliveryId: String(id), sink, eventId, type, userId, attempts, lastError, createTime },
    state: DELIVERY_STATES[state],
    nextAttemptTime: nextAttemptTime ?? undefined,
    endTime: endTime ?? undefined,
  };
}

/** EventService: decode, call, encode. */
export function createEventService({ db, clock }: { readonly db: Database; readonly clock: Clock }): RpcService {
  return defineService(EventServiceService, {
    replayEvents: async ({ caller, signal }, request) => {
      const parsed = replayRequest.parse(request);
      const from = startOf(parsed);
      const command = { requestId: parsed.requestId, from, caller, signal, now: clock.now() };
      const { response, replayed } = await replayEvents(db, command);
      return { replay: toReplayMessage(await readReplay(db, response.replayId)), replayed };
    },
    getEventStatus: async () => {
      const { replays, ...status } = await readEventStatus(db);
      return { ...status, replays: replays.map(toReplayMessage), sinks: [...status.sinks] };
    },
    listEventDeliveries: async (_context, request) => {
      const { state, sink, pageSize, pageToken } = listRequest.parse(request);
      const filter = { state: rules.nameOf(DELIVERY_STATES, state), sink };
      const page = await listDeliveries(db, filter, pageSize, pageToken);
      return { deliveries: page.rows.map(toDeliveryMessage), nextPageToken: page.nextPageToken };
    },
    retryEventDelivery: async ({ caller, signal }, request) => {
      const command = { ...retryRequest.parse(request), caller, signal, now: clock.now() };
      const { response, replayed } = await retryDelivery(db, command);
      return { delivery: toDeliveryMessage(await readDelivery(db, response.deliveryId)), replayed };
    },
  });
}
