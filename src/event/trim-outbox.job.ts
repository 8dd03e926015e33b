import type { Database } from '../platform/db/database';
import { readOnly, withTx } from '../platform/db/tx';
import { addMs, MS_PER_DAY } from '../platform/time';
import { RELAY_NAME } from './relay-lease';

/** How long events are kept, in the stream and in the database: as long as a consumer may be away without losing one. */
export const KEEP_DAYS = 7;
/** And ended deliveries: so long can people see what became of them. */
const KEEP_DELIVERIES_DAYS = 30;
/** Most events, and most deliveries, that one run deletes: where there were as many, there may be more. */
export const TRIMMED_MAX = 1_000;

/**
 * Deletes events that went to the stream more than a week ago and that no delivery waits for, oldest first, and deliveries that
 * ended long ago. Returns how many rows. Safe to run at any time, and twice at once.
 */
export async function trimOutbox(db: Database, now: Date): Promise<number> {
  const events = await trimEvents(db, addMs(now, -KEEP_DAYS * MS_PER_DAY));
  const deliveries = await trimDeliveries(db, addMs(now, -KEEP_DELIVERIES_DAYS * MS_PER_DAY));
  return events + deliveries;
}

async function trimEvents(db: Database, before: Date): Promise<number> {
  const ids = await readOnly(db, async (reader) => {
    const [wanted] = await reader('event_deliveries')
      .where('state', 'pending')
      .min<{ readonly first: number | null }[]>('outbox_id as first');
    const [relay] = await reader('event_relay')
      .where('name', RELAY_NAME)
      .select<{ readonly lastBatch: number }[]>('last_batch');
    const old = await reader('outbox')
      .orderBy('id')
      .limit(TRIMMED_MAX)
      .select<{ readonly id: number; readonly batchNo: number | null; readonly createTime: Date }[]>(
        'id',
        'batch_no',
        'create_time',
      );
    const first = wanted?.first ?? Number.MAX_SAFE_INTEGER;
    // The next batch is made when the one before is in the stream; of the last one nobody knows, as long as Redis is away.
    const last = relay?.lastBatch ?? 0;
    return old
      .filter(({ id, batchNo, createTime }) => batchNo !== null && batchNo < last && createTime <= before && id < first)
      .map(({ id }) => id);
  });
  if (ids.length === 0) return 0;
  return withTx(db, { name: 'TrimOutbox' }, (tx) => tx('outbox').whereIn('id', ids).whereNotNull('batch_no').delete());
}

async function trimDeliveries(db: Database, before: Date): Promise<number> {
  return withTx(db, { name: 'TrimDeliveries' }, (tx) =>
    tx('event_deliveries').where('endTime', '<=', before).orderBy('endTime').limit(TRIMMED_MAX).delete(),
  );
}
