import { Option, type Command } from 'commander';
import {
  EventDeliveryState,
  EventReplayState,
  EventServiceClient,
  type EventDelivery,
  type EventReplay,
} from '../gen/billing/v1/event_service.pb';
import { systemClock } from '../platform/clock';
import { fromEpochMs } from '../platform/time';
import { callUnary } from './connection';
import { parseInstantMs } from './dev-clock';
import { tellRequestId } from './failure';
import type { Cell } from './output';
import { addPaging, tellNextPage, type CommandParts, type PagingOptions } from './quota';
import { addRequestId, requestIdOf, type RequestOptions } from './request-id';

/** The commands that look after events: what waits, what is replayed, what went to sinks. */

/** Adds `events status`, `replay`, `deliveries` and `retry`. */
export function addEventCommands(program: Command, parts: CommandParts): void {
  const events = program.command('events').description('look at events on their way out, and have them sent again');
  addStatus(events, parts);
  addReplay(events, parts);
  addDeliveries(events, parts);
  addRetry(events, parts);
}

function addStatus(events: Command, { output, withClient }: CommandParts): void {
  events
    .command('status')
    .description('what waits, who delivers, the latest replays, and how the sinks are doing')
    .action(async () => {
      const status = await withClient(EventServiceClient, (client) =>
        callUnary(client.getEventStatus.bind(client), {}, systemClock.now()),
      );
      const { owner, lastBatch, waiting, oldestWaitingTime, replays, sinks } = status;
      output().recordWithTables({ owner, last_batch: lastBatch, waiting, oldest_waiting_time: oldestWaitingTime }, [
        {
          name: 'replays',
          headings: ['replay', 'by', 'from event', 'state', 'requested', 'began', 'over'],
          rows: replays.map((replay) => Object.values(replayFields(replay))),
        },
        {
          name: 'sinks',
          headings: ['sink', 'pending', 'failed', 'oldest pending'],
          rows: sinks.map((one) => [one.sink, one.pending, one.failed, one.oldestPendingTime]),
        },
      ]);
    });
}

/** In the order of the table's headings. */
function replayFields(replay: EventReplay): Readonly<Record<string, Cell>> {
  return {
    replay_id: replay.replayId,
    requested_by: replay.requestedBy,
    from_event_id: replay.fromEventId,
    state: EventReplayState[replay.state],
    create_time: replay.createTime,
    start_time: replay.startTime,
    end_time: replay.endTime,
  };
}

/** The id of an event; anything else is an instant. */
const EVENT_ID = /^\d+(\.\d+)?$/;

function addReplay(events: Command, { output, withClient }: CommandParts): void {
  const again = events
    .command('replay')
    .description('put events on the stream again, in order; new ones follow them')
    .requiredOption('--from <start>', 'an instant like 2026-03-01T00:00:00+08:00, or the id of an event');
  addRequestId(again).action(async ({ from, ...options }: RequestOptions & { readonly from: string }) => {
    const requestId = requestIdOf(options);
    const start = EVENT_ID.test(from)
      ? { fromTime: undefined, fromEventId: from }
      : { fromTime: fromEpochMs(parseInstantMs(from)), fromEventId: '' };
    const { replay, replayed } = await withClient(EventServiceClient, (client) =>
      callUnary(client.replayEvents.bind(client), { requestId, ...start }, systemClock.now()),
    ).catch(tellRequestId(requestId));
    const fields = replay === undefined ? {} : replayFields(replay);
    output().record({ ...fields, request_id: requestId, replayed });
  });
}

const STATES = {
  pending: EventDeliveryState.PENDING,
  delivered: EventDeliveryState.DELIVERED,
  failed: EventDeliveryState.FAILED,
} as const;

function addDeliveries(events: Command, { output, withClient }: CommandParts): void {
  const list = events
    .command('deliveries')
    .description('deliveries to sinks, newest first')
    .addOption(new Option('--state <state>', 'only those').choices(Object.keys(STATES)))
    .option('--sink <name>', 'only those to this sink');
  type Options = PagingOptions & { readonly state?: keyof typeof STATES; readonly sink?: string };
  addPaging(list).action(async ({ state, sink = '', pageSize, pageToken = '' }: Options) => {
    const filter = { state: state === undefined ? EventDeliveryState.UNSPECIFIED : STATES[state], sink };
    const page = await withClient(EventServiceClient, (client) =>
      callUnary(client.listEventDeliveries.bind(client), { ...filter, pageSize, pageToken }, systemClock.now()),
    );
    output().rows(
      ['delivery', 'sink', 'event', 'type', 'user', 'state', 'attempts', 'last error', 'created', 'next', 'ended'],
      page.deliveries.map((one) => Object.values(deliveryFields(one))),
    );
    tellNextPage(page.nextPageToken);
  });
}

/** In the order of the list's headings. */
function deliveryFields(one: EventDelivery): Readonly<Record<string, Cell>> {
  return {
    delivery_id: one.deliveryId,
    sink: one.sink,
    event_id: one.eventId,
    type: one.type,
    user_id: one.userId,
    state: EventDeliveryState[one.state],
    attempts: one.attempts,
    last_error: one.lastError,
    create_time: one.createTime,
    next_attempt_time: one.nextAttemptTime,
    end_time: one.endTime,
  };
}

function addRetry(events: Command, { output, withClient }: CommandParts): void {
  const retry = events
    .command('retry <delivery_id>')
    .description('have a delivery that failed, or waits, tried again now');
  addRequestId(retry).action(async (deliveryId: string, options: RequestOptions) => {
    const requestId = requestIdOf(options);
    const { delivery, replayed } = await withClient(EventServiceClient, (client) =>
      callUnary(client.retryEventDelivery.bind(client), { requestId, deliveryId }, systemClock.now()),
    ).catch(tellRequestId(requestId));
    const fields = delivery === undefined ? {} : deliveryFields(delivery);
    output().record({ ...fields, request_id: requestId, replayed });
  });
}
