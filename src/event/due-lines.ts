import type { Database } from '../platform/db/database';
import { readOnly, withTx } from '../platform/db/tx';
import { addMs, later } from '../platform/time';
import { EventDeliveryRow } from './event-delivery.model';

/** Looks of one search, so that it ends. */
const LOOKS_MAX = 20;
/** What stands behind one that is due is looked at again after this. */
const BEHIND_MS = 1_000;

/** A delivery that is due by itself, with the one that is first of its line. */
interface DueRow {
  readonly id: number;
  readonly sink: string;
  readonly userId: string;
  readonly headId: number;
}

/**
 * The lines whose first delivery is due. What stands behind one that is not, or not yet, is put off until then, so that a long
 * line behind a sink that is away is not looked at again and again.
 */
export async function findDueLines(db: Database, now: Date, most: number): Promise<readonly string[]> {
  const lines = new Set<string>();
  for (let looks = 0; looks < LOOKS_MAX && lines.size < most; looks += 1) {
    const rows = await readDue(db, now, most);
    for (const { id, sink, userId, headId } of rows) if (id === headId) lines.add(`${sink}:${userId}`);
    const behind = rows.filter(({ id, headId }) => id !== headId);
    if (behind.length > 0) await putOff(db, behind, now);
    if (behind.length === 0 || rows.length < most) break;
  }
  return [...lines].slice(0, most);
}

function readDue(db: Database, now: Date, most: number): Promise<readonly DueRow[]> {
  return readOnly(db, (reader) => {
    const head = `(SELECT MIN(e.id) FROM event_deliveries e
      WHERE e.sink = d.sink AND e.user_id = d.user_id AND e.state = 'pending') AS head_id`;
    return reader('event_deliveries as d')
      .where('d.state', 'pending')
      .where('d.next_attempt_time', '<=', now)
      .orderBy('d.next_attempt_time')
      .limit(most)
      .select<DueRow[]>('d.id', 'd.sink', 'd.user_id', reader.raw(head));
  });
}

async function putOff(db: Database, behind: readonly DueRow[], now: Date): Promise<void> {
  const soon = addMs(now, BEHIND_MS);
  const heads = await readOnly(db, (reader) =>
    EventDeliveryRow.query(reader)
      .select('id', 'nextAttemptTime')
      .whereIn('id', [...new Set(behind.map(({ headId }) => headId))]),
  );
  const times = new Map(heads.map(({ id, nextAttemptTime }) => [id, later(nextAttemptTime ?? soon, soon)]));
  const cases = behind.flatMap(({ id, headId }) => [id, times.get(headId) ?? soon]);
  const ids = behind.map(({ id }) => id);
  const marks = (mark: string): string => behind.map(() => mark).join(' ');
  await withTx(db, { name: 'PutOffDeliveries' }, (tx) =>
    tx.raw(
      `UPDATE event_deliveries SET next_attempt_time = CASE id ${marks('WHEN ? THEN ?')} END
       WHERE id IN (${marks('?').replaceAll(' ', ',')}) AND state = 'pending' AND next_attempt_time <= ?`,
      [...cases, ...ids, now],
    ),
  );
}
