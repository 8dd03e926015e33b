import type { Database } from '../platform/db/database';
import { readOnly, withTx } from '../platform/db/tx';
import { addMs, MS_PER_DAY } from '../platform/time';

/** How long events are kept, in the stream and in the database: as long as a consumer may be away without losing one. */
export const KEEP_DAYS = 7;
/** And ended deliveries: so long can people see what became of them. */
const KEEP_DELIVERIES_DAYS = 30;
/** Rows that one transaction deletes. */
const TRIM_BATCH_MAX = 1_000;
/** Transactions of one run, so that it ends; the next run goes on. */
const TRIM_BATCHES_MAX = 500;

/**
 * Deletes events that went to the stream more than a week ago and that no delivery waits for, oldest first, and deliveries that
 * ended long ago. Returns how many rows. Safe to run at any time, and twice at once.
 */
export async function trimOutbox(db: Database, now: Date): Promise<number> {
  const events = await inBatches(() => trimEvents(db, addMs(now, -KEEP_DAYS * MS_PER_DAY)));
  const deliveries = await inBatches(() => trimDeliveries(db, addMs(now, -KEEP_DELIVERIES_DAYS * MS_PER_DAY)));
  return events + deliveries;
}

async function inBatches(trim: () => Promise<number>): Promise<number> {
  let total = 0;
  for (let batches = 0; batches < TRIM_BATCHES_MAX; batches += 1) {
    const trimmed = await trim();
    total += trimmed;
    if (trimmed < TRIM_BATCH_MAX) break;
  }
  return total;
}

async function trimEvents(db: Database, before: Date): Promise<number> {
  const ids = await readOnly(db, async (reader) => {
    const [wanted] = await reader('event_deliveries')
      .where('state', 'pending')
      .min<{ readonly first: number | null }[]>('outbox_id as first');
    const old = await reader('outbox')
      .orderBy('id')
      .limit(TRIM_BATCH_MAX)
      .select<{ readonly id: number; readonly batchNo: number | null; readonly createTime: Date }[]>(
        'id',
        'batch_no',
        'create_time',
      );
    const first = wanted?.first ?? Number.MAX_SAFE_INTEGER;
    return old
      .filter(({ id, batchNo, createTime }) => batchNo !== null && createTime <= before && id < first)
      .map(({ id }) => id);
  });
  if (ids.length === 0) return 0;
  return withTx(db, { name: 'TrimOutbox' }, (tx) => tx('outbox').whereIn('id', ids).whereNotNull('batch_no').delete());
}

async function trimDeliveries(db: Database, before: Date): Promise<number> {
  return withTx(db, { name: 'TrimDeliveries' }, (tx) =>
    tx('event_deliveries').where('endTime', '<=', before).orderBy('endTime').limit(TRIM_BATCH_MAX).delete(),
  );
}
