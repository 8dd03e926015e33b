import { randomInt } from 'node:crypto';
import type { Database } from '../../platform/db/database';
import { withTx } from '../../platform/db/tx';
import { addMs, fromEpochMs, MS_PER_MINUTE } from '../../platform/time';

/** How often a sink is tried within a minute, counted in the database for all processes. */

/** Waiting deliveries come back within so long after a minute has begun. */
const SPREAD_MS = 5_000;

/** Counts an attempt. Undefined: it may be made. Otherwise: when to come back. */
export async function takeTurn(db: Database, sink: string, perMinute: number, now: Date): Promise<Date | undefined> {
  const minute = fromEpochMs(Math.floor(now.getTime() / MS_PER_MINUTE) * MS_PER_MINUTE);
  const isTaken = await withTx(db, { name: 'TakeSinkTurn' }, async (tx) => {
    await tx.raw('INSERT IGNORE INTO event_sinks (name, window_start, window_count) VALUES (?, ?, 0)', [sink, minute]);
    const [counted] = (await tx.raw(
      `UPDATE event_sinks SET window_count = IF(window_start = ?, window_count + 1, 1), window_start = ?
       WHERE name = ? AND (window_start <> ? OR window_count < ?)`,
      [minute, minute, sink, minute, perMinute],
    )) as [{ affectedRows: number }];
    return counted.affectedRows === 1;
  });
  return isTaken ? undefined : addMs(minute, MS_PER_MINUTE + randomInt(SPREAD_MS));
}
