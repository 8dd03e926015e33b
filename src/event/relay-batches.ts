import { withBatchTx } from '../platform/db/batch-tx';
import type { Database } from '../platform/db/database';
import { literal, type SqlValue } from '../platform/db/sql-text';
import { insertOf, type Write } from '../platform/db/statements';
import { readOnly } from '../platform/db/tx';
import { envelopesOf, type CloudEvent } from './envelope';
import { EVENT_COLUMNS, toEventRow, type EventRow } from './event-row';
import { LEASE_END, RELAY_NAME, type Ownership } from './relay-lease';

/**
 * Batches: a row gets its batch number before it goes to the stream, and keeps it. So every row goes out in one batch, whoever
 * sends it and however often, and the batches of a user follow each other as his rows do: a row that is committed later than
 * one with a higher id comes in a later batch, and a user's own rows are committed in the order of their ids, because who
 * writes them holds his lock.
 */

/** Rows of one batch, and events that they may tell: what Redis is busy with at a time. One row may tell of 500 users. */
const BATCH_ROWS_MAX = 500;
const BATCH_EVENTS_MAX = 500;

/** One batch, or several that follow each other. */
export interface Batches {
  /** The last of them. */
  readonly lastBatch: number;
  readonly events: readonly CloudEvent[];
  readonly rows: number;
  /** Of the oldest row. */
  readonly oldestTime: Date;
}

/** A sink that wants an event: its delivery is written with the batch. */
export type Wants = (event: CloudEvent) => readonly string[];

/** A row with its events. */
interface Told {
  readonly row: EventRow;
  readonly events: readonly CloudEvent[];
}

/** As many of the rows, from the first on, as one batch takes. */
function firstOf(rows: readonly EventRow[]): readonly Told[] {
  const taken: Told[] = [];
  let count = 0;
  for (const row of rows) {
    const events = envelopesOf(row);
    count += events.length;
    if (taken.length > 0 && count > BATCH_EVENTS_MAX) break;
    taken.push({ row, events });
  }
  return taken;
}

/** What came of making a batch. `moved`: the last batch is another than was believed, because a COMMIT came through unheard. */
export type Made =
  | { readonly outcome: 'made'; readonly batches: Batches }
  | { readonly outcome: 'nothing' }
  | { readonly outcome: 'lost' }
  | { readonly outcome: 'moved'; readonly lastBatch: number };

/**
 * Makes the next batch of the rows that have none, in the order of their ids, with the deliveries that sinks want of it, and
 * renews the lease. 'lost': the lease is somebody else's.
 */
export function makeBatch(db: Database, owned: Ownership, wants: Wants, now: Date): Promise<Made> {
  const { epoch } = owned;
  const without = (result: Made) => ({ result, writes: [] });
  return withBatchTx<Made>(db, { name: 'MakeEventBatch' }, async ({ read }) => {
    const [owners = [], waiting = []] = await read([
      { sql: `SELECT epoch, last_batch FROM event_relay WHERE name = ${literal(RELAY_NAME)} FOR UPDATE` },
      { sql: `SELECT ${EVENT_COLUMNS} FROM outbox WHERE batch_no IS NULL ORDER BY id LIMIT ${BATCH_ROWS_MAX}` },
    ]);
    const [epochNow = 0, lastBatch = 0] = (owners[0] ?? []) as readonly number[];
    if (epochNow !== epoch) return without({ outcome: 'lost' });
    if (lastBatch !== owned.lastBatch) return without({ outcome: 'moved', lastBatch });
    const told = firstOf(waiting.map(toEventRow));
    const [first] = told;
    if (first === undefined) return without({ outcome: 'nothing' });
    const batch = lastBatch + 1;
    const batches = {
      lastBatch: batch,
      events: told.flatMap(({ events }) => events),
      rows: told.length,
      oldestTime: first.row.createTime,
    };
    return { result: { outcome: 'made', batches }, writes: writesOf(told, epoch, batch, wants, now) };
  });
}

function writesOf(told: readonly Told[], epoch: number, batch: number, wants: Wants, now: Date): readonly Write[] {
  const ids = told.map(({ row }) => literal(row.id)).join(',');
  const deliveries = told.flatMap(({ row, events }) => events.flatMap((event) => deliveriesOf(row, event, wants, now)));
  return [
    {
      sql: `UPDATE outbox SET batch_no = ${literal(batch)} WHERE id IN (${ids}) AND batch_no IS NULL`,
      rows: told.length,
      what: 'outbox',
    },
    ...(deliveries.length === 0 ? [] : [insertOf('event_deliveries', DELIVERY_COLUMNS, deliveries)]),
    {
      sql:
        `UPDATE event_relay SET last_batch = ${literal(batch)}, lease_until = ${LEASE_END} ` +
        `WHERE name = ${literal(RELAY_NAME)} AND epoch = ${literal(epoch)}`,
      rows: 1,
      what: 'event_relay',
    },
  ];
}

const DELIVERY_COLUMNS = [
  ...['sink', 'event_id', 'outbox_id', 'user_id', 'type', 'state', 'attempts', 'next_attempt_time', 'create_time'],
];

function deliveriesOf(row: EventRow, event: CloudEvent, wants: Wants, now: Date): readonly (readonly SqlValue[])[] {
  const { id, subject = '', type } = event;
  return wants(event).map((sink) => [sink, id, row.id, subject, type, 'pending', 0, now, now]);
}

/**
 * The batches after `after`, as many whole ones as go together: what was made and is not in the stream (any more). Undefined:
 * there are none; what was in them is older than events are kept.
 */
export async function readBatches(db: Database, after: number): Promise<Batches | undefined> {
  const sql =
    `SELECT ${EVENT_COLUMNS}, batch_no FROM outbox WHERE batch_no > ${literal(after)} ` +
    `ORDER BY batch_no, id LIMIT ${BATCH_ROWS_MAX + 1}`;
  const found = await withBatchTx(db, { name: 'ReadEventBatches' }, async ({ read }) => {
    const [rows = []] = await read([{ sql }]);
    return { result: rows, writes: [] };
  });
  const rows = found.map((values) => ({ row: toEventRow(values), batch: values[5] as number }));
  // A batch that was cut off is for the next look.
  const isCut = rows.length > BATCH_ROWS_MAX;
  const whole = isCut ? rows.filter(({ batch }) => batch !== rows.at(-1)?.batch) : rows;
  return joined(whole);
}

function joined(rows: readonly { readonly row: EventRow; readonly batch: number }[]): Batches | undefined {
  const [first] = rows;
  if (first === undefined) return undefined;
  const events: CloudEvent[] = [];
  let lastBatch = first.batch;
  let taken = 0;
  for (const { row, batch } of rows) {
    if (batch !== lastBatch && events.length >= BATCH_EVENTS_MAX) break;
    lastBatch = batch;
    taken += 1;
    events.push(...envelopesOf(row));
  }
  return { lastBatch, events, rows: taken, oldestTime: first.row.createTime };
}

/** When the oldest event happened that is in no batch yet; undefined: there is none. */
export async function oldestWaiting(db: Database): Promise<Date | undefined> {
  const row = await readOnly(db, (reader) =>
    reader('outbox')
      .whereNull('batch_no')
      .orderBy('id')
      .first<{ readonly createTime: Date } | undefined>('create_time'),
  );
  return row?.createTime;
}
