import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { cutPage, POSITION_KEY, readPageToken, type Page } from '../platform/paging';
import { EventDeliveryRow } from './event-delivery.model';
import { EventReplayRow } from './event-replays';
import { oldestWaiting } from './relay-batches';
import { RELAY_NAME } from './relay-lease';
import { deliveryNotFound } from './retry-delivery';

/** Replays that a look at the state of things shows. */
const REPLAYS_SHOWN = 10;
/** Rows that are counted: beyond, there are that many at least. */
const WAITING_COUNTED_MAX = 100_000;

/** How a sink is doing. */
export interface SinkStatus {
  readonly sink: string;
  readonly pending: number;
  readonly failed: number;
  readonly oldestPendingTime: Date | undefined;
}

/** The state of things, for people. */
export interface EventStatus {
  /** Empty: nobody delivers. */
  readonly owner: string;
  readonly lastBatch: number;
  readonly waiting: number;
  readonly oldestWaitingTime: Date | undefined;
  readonly replays: readonly EventReplayRow[];
  readonly sinks: readonly SinkStatus[];
}

/** Reads it. */
export async function readEventStatus(db: Database): Promise<EventStatus> {
  const relay = await readOnly(db, (reader) =>
    reader('event_relay')
      .where('name', RELAY_NAME)
      .first<{ readonly owner: string; readonly lastBatch: number } | undefined>(
        reader.raw("IF(lease_until > UTC_TIMESTAMP(3), owner, '') AS owner"),
        'last_batch',
      ),
  );
  const [waiting] = await readOnly(db, (reader) => {
    const some = reader('outbox').whereNull('batch_no').limit(WAITING_COUNTED_MAX).select('id').as('some');
    return reader.from(some).count<{ readonly count: number }[]>('* as count');
  });
  return {
    owner: relay?.owner ?? '',
    lastBatch: relay?.lastBatch ?? 0,
    waiting: Number(waiting?.count ?? 0),
    oldestWaitingTime: await oldestWaiting(db),
    replays: await readOnly(db, (reader) =>
      EventReplayRow.query(reader)
        .orderBy([
          { column: 'createTime', order: 'desc' },
          { column: 'id', order: 'desc' },
        ])
        .limit(REPLAYS_SHOWN),
    ),
    sinks: await readSinks(db),
  };
}

async function readSinks(db: Database): Promise<readonly SinkStatus[]> {
  const rows = await readOnly(db, (reader) =>
    reader('event_deliveries')
      .whereIn('state', ['pending', 'failed'])
      .groupBy('sink')
      .orderBy('sink')
      .select<{ sink: string; pending: string; failed: string; oldest: Date | null }[]>(
        'sink',
        reader.raw("SUM(state = 'pending') AS pending"),
        reader.raw("SUM(state = 'failed') AS failed"),
        reader.raw("MIN(CASE WHEN state = 'pending' THEN create_time END) AS oldest"),
      ),
  );
  return rows.map(({ sink, pending, failed, oldest }) => {
    return { sink, pending: Number(pending), failed: Number(failed), oldestPendingTime: oldest ?? undefined };
  });
}

/** One delivery as it is now. Throws EVENT_DELIVERY_NOT_FOUND. */
export async function readDelivery(db: Database, deliveryId: number): Promise<EventDeliveryRow> {
  const row = await readOnly(db, (reader) => EventDeliveryRow.query(reader).findById(deliveryId));
  if (row === undefined) throw deliveryNotFound(deliveryId);
  return row;
}

/** One page of deliveries, newest first. Throws INVALID_REQUEST for a foreign page token. */
export async function listDeliveries(
  db: Database,
  { state, sink }: { readonly state: EventDeliveryRow['state'] | undefined; readonly sink: string },
  pageSize: number,
  pageToken: string,
): Promise<Page<EventDeliveryRow>> {
  const filters = { list: 'event_deliveries', state, sink };
  const after = readPageToken(pageToken, filters, POSITION_KEY);
  const rows = await readOnly(db, (reader) => {
    const query = EventDeliveryRow.query(reader)
      .orderBy('id', 'desc')
      .limit(pageSize + 1);
    if (state !== undefined) void query.where('state', state);
    if (sink !== '') void query.where('sink', sink);
    if (after !== undefined) void query.where('id', '<', Number(after));
    return query;
  });
  return cutPage(rows, pageSize, filters, ({ id }) => String(id));
}
