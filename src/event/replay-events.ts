import type { Caller } from '../platform/calls';
import { runCommand, type CommandResult } from '../platform/db/command';
import type { Database } from '../platform/db/database';
import { readOnly, type Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import { addMs } from '../platform/time';
import { eventErrors } from './event.errors';
import { EventReplayRow } from './event-replays';
import { RELAY_NAME } from './relay-lease';

/** Have events put on the stream again, from an instant or from an event. */
export interface ReplayEventsCommand {
  readonly requestId: string;
  readonly from: { readonly time: Date } | { readonly eventId: string };
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

type Answer = CommandResult<{ readonly replayId: string }>;

/**
 * Instants are looked for among rows in the order of their ids, which is that of their instants but for the length of a
 * transaction and what clocks of replicas differ by: so much earlier is begun, which costs repeats and misses nothing.
 */
const TIME_SLACK_MS = 60_000;
/** And batches follow ids but for the length of a transaction: the first batch is looked for among so many rows. */
const ROWS_LOOKED_AT_MAX = 20_000;

/**
 * Notes what is wanted; the relay takes it up. Throws, in this order, REQUEST_ID_REUSED, EVENT_NOT_FOUND (nothing that is kept
 * was delivered since).
 */
export async function replayEvents(db: Database, command: ReplayEventsCommand): Promise<Answer> {
  const { requestId, from, caller, now, signal } = command;
  const content = 'time' in from ? { from_time: from.time.toISOString() } : { from_event_id: from.eventId };
  const key = { service: 'EventService', owner: `caller:${caller.identity}`, requestId, kind: 'ReplayEvents' };
  return runCommand(
    db,
    { ...key, content, now, signal },
    { lock: () => Promise.resolve(undefined), run: (tx) => request(tx, command) },
  );
}

async function request(tx: Tx, { requestId, from, caller, now }: ReplayEventsCommand) {
  const fromEvent = 'time' in from ? await firstSince(tx, addMs(from.time, -TIME_SLACK_MS)) : rowIdOf(from.eventId);
  const fromBatch = fromEvent === undefined ? undefined : await firstBatchFrom(tx, fromEvent);
  if (fromEvent === undefined || fromBatch === undefined) throw eventErrors.EVENT_NOT_FOUND();
  const id = mintId(now);
  const [relay] = await tx('event_relay')
    .where('name', RELAY_NAME)
    .select<{ readonly lastBatch: number }[]>('last_batch');
  const toBatch = relay?.lastBatch ?? 0;
  const wanted = { fromEvent, fromBatch, toBatch, state: 'requested' } as const;
  const requestedBy = caller.identity;
  await EventReplayRow.query(tx).insert({
    id,
    requestedBy,
    ...wanted,
    createTime: now,
    startTime: null,
    endTime: null,
  });
  const subject = { subjectType: 'event_replay', subjectId: id, userId: null } as const;
  const after = { from_event: fromEvent, from_batch: fromBatch, to_batch: toBatch };
  return {
    response: { replayId: id },
    audit: [{ action: 'ReplayEvents', actor: requestedBy, ...subject, cause: requestId, after }],
    events: [],
  };
}

/** The outbox row of an event: its id is that, or begins with it. */
function rowIdOf(eventId: string): number {
  return Number(eventId.split('.')[0]);
}

/** The first row that happened then or later, by halves: there is no index by time on a table that everything writes to. */
async function firstSince(tx: Tx, time: Date): Promise<number | undefined> {
  const [ends] = await tx('outbox').select<{ readonly first: number | null; readonly last: number | null }[]>(
    tx.raw('MIN(id) AS first'),
    tx.raw('MAX(id) AS last'),
  );
  if (ends === undefined || ends.first === null || ends.last === null) return undefined;
  let [low, high] = [ends.first, ends.last + 1];
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const row = await tx('outbox')
      .where('id', '>=', middle)
      .orderBy('id')
      .first<{ readonly id: number; readonly createTime: Date } | undefined>('id', 'create_time');
    if (row === undefined || row.createTime >= time) high = middle;
    else low = row.id + 1;
  }
  return low > ends.last ? undefined : low;
}

async function firstBatchFrom(tx: Tx, rowId: number): Promise<number | undefined> {
  const near = tx('outbox')
    .where('id', '>=', rowId)
    .orderBy('id')
    .limit(ROWS_LOOKED_AT_MAX)
    .select('batch_no')
    .as('near');
  const [row] = await tx.from(near).select<{ readonly first: number | null }[]>(tx.raw('MIN(batch_no) AS first'));
  return row?.first ?? undefined;
}

/** One replay as it is now. */
export async function readReplay(db: Database, id: string): Promise<EventReplayRow> {
  return readOnly(db, (reader) => EventReplayRow.query(reader).findById(id).throwIfNotFound());
}
