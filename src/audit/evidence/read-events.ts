import type { Knex } from 'knex';
import { envelopesOf, type CloudEvent } from '../../event';
import { monotonicMs } from '../../platform/clock';

/** The events about a user that the outbox still holds, newest rows looked at first. */
export interface FoundEvents {
  /** In the order that they happened. */
  readonly events: readonly CloudEvent[];
  /** The oldest row that was looked at. */
  readonly fromId: number;
  /** Whether every row was looked at: an outbox that is too long for the time there is, is not read to its beginning. */
  readonly isComplete: boolean;
}

/** No index finds a user's events, so rows are looked through by their numbers. */
const WINDOW = 20_000;
const SCAN_MS = 8_000;

interface OutboxRow {
  readonly id: number;
  readonly type: string;
  readonly userId: string | null;
  readonly payload: string;
  readonly createTime: Date;
}

/** Reads them. */
export async function readEvents(reader: Knex, userId: string): Promise<FoundEvents> {
  const [range] = await reader('outbox').select<{ first: number | null; last: number | null }[]>(
    reader.raw('MIN(id) AS first'),
    reader.raw('MAX(id) AS last'),
  );
  const first = range?.first ?? 1;
  let to = range?.last ?? 0;
  const found: CloudEvent[][] = [];
  const startedMs = monotonicMs();
  while (to >= first && monotonicMs() - startedMs < SCAN_MS) {
    const rows = await reader('outbox')
      .where('id', '>', to - WINDOW)
      .where('id', '<=', to)
      // Rows that name many users name each of them in their payload, as JSON writes a text.
      .whereRaw('(user_id = ? OR (user_id IS NULL AND LOCATE(?, payload) > 0))', [userId, JSON.stringify(userId)])
      .orderBy('id')
      .select<OutboxRow[]>('id', 'type', 'userId', 'payload', 'createTime');
    found.push(rows.flatMap(envelopesOf).filter(({ subject }) => subject === userId));
    to -= WINDOW;
  }
  return { events: found.reverse().flat(), fromId: Math.max(first, to + 1), isComplete: to < first };
}
