import { randomInt } from 'node:crypto';
import type { Database } from '../../platform/db/database';
import { readOnly, withTx } from '../../platform/db/tx';
import { addMs, fromEpochMs, MS_PER_MINUTE } from '../../platform/time';

/** How often a sink is tried within a minute, counted in the database for all processes. */

/** Waiting deliveries come back within so long after a minute has begun. */
const SPREAD_MS = 5_000;

/** A window that begins so much later than the present minute was begun by a clock that was wrong. */
const AHEAD_MAX_MS = 2 * MS_PER_MINUTE;

/**
 * Counts an attempt. Undefined: it may be made. Otherwise: when to come back. Windows only go forward: where clocks differ, one
 * that is in the minute before counts in the one that has begun.
 */
export async function takeTurn(db: Database, sink: string, perMinute: number, now: Date): Promise<Date | undefined> {
  const minute = fromEpochMs(Math.floor(now.getTime() / MS_PER_MINUTE) * MS_PER_MINUTE);
  const isTaken = (await count(db, sink, perMinute, minute)) || (await countFirst(db, sink, perMinute, minute));
  return isTaken ? undefined : addMs(minute, MS_PER_MINUTE + randomInt(SPREAD_MS));
}

async function count(db: Database, sink: string, perMinute: number, minute: Date): Promise<boolean> {
  const ahead = addMs(minute, AHEAD_MAX_MS);
  return withTx(db, { name: 'TakeSinkTurn' }, async (tx) => {
    const [counted] = (await tx.raw(
      `UPDATE event_sinks
       SET window_count = IF(window_start < ? OR window_start > ?, 1, window_count + 1),
         window_start = IF(window_start < ? OR window_start > ?, ?, window_start)
       WHERE name = ? AND (window_start < ? OR window_start > ? OR window_count < ?)`,
      [minute, ahead, minute, ahead, minute, sink, minute, ahead, perMinute],
    )) as [{ affectedRows: number }];
    return counted.affectedRows === 1;
  });
}

/** Where the sink was never counted: its row is made by itself, or those who count at the same time would deadlock. */
async function countFirst(db: Database, sink: string, perMinute: number, minute: Date): Promise<boolean> {
  const known = await readOnly(db, (reader) =>
    reader('event_sinks').where('name', sink).first<{ readonly windowCount: number } | undefined>('window_count'),
  );
  if (known !== undefined && known.windowCount >= perMinute) return false;
  await withTx(db, { name: 'KnowSink' }, (tx) =>
    tx.raw('INSERT IGNORE INTO event_sinks (name, window_start, window_count) VALUES (?, ?, 0)', [sink, minute]),
  );
  return count(db, sink, perMinute, minute);
}
