import type { Database } from '../platform/db/database';
import { literal } from '../platform/db/sql-text';
import { withTx } from '../platform/db/tx';

/**
 * Who delivers: one process at a time, by a lease in the database that is counted by the database's clock. Every owner has an
 * epoch of its own; what is written says which, in the database and in Redis, so that an owner who was believed dead and is
 * not writes nothing.
 */
export interface Ownership {
  readonly epoch: number;
  /** The last batch that was made, by whomever. */
  readonly lastBatch: number;
}

/** The row of `event_relay`: there is one relay, and one stream. */
export const RELAY_NAME = 'events';

/** An owner that has not renewed its lease for so long has lost it. */
export const LEASE_MS = 5_000;

/** The end of a lease that begins now, as SQL by the database's clock. */
export const LEASE_END = `UTC_TIMESTAMP(3) + INTERVAL ${LEASE_MS * 1_000} MICROSECOND`;

/**
 * Takes the lease if nobody holds it. `epochSeen`: the highest epoch that Redis knows of; ours is higher, even if the database
 * is an older one than Redis has seen (restored from a backup). Undefined: somebody else delivers.
 */
export async function acquireRelay(db: Database, owner: string, epochSeen: number): Promise<Ownership | undefined> {
  return withTx(db, { name: 'AcquireRelay' }, async (tx) => {
    await tx.raw(
      `INSERT IGNORE INTO event_relay (name, owner, epoch, lease_until, last_batch) VALUES (?, '', 0, UTC_TIMESTAMP(3), 0)`,
      [RELAY_NAME],
    );
    const [taken] = (await tx.raw(
      `UPDATE event_relay SET epoch = GREATEST(epoch, ?) + 1, owner = ?, lease_until = ${LEASE_END}
       WHERE name = ? AND lease_until <= UTC_TIMESTAMP(3)`,
      [epochSeen, owner, RELAY_NAME],
    )) as [{ affectedRows: number }];
    if (taken.affectedRows === 0) return undefined;
    const [rows] = (await tx.raw('SELECT epoch, last_batch FROM event_relay WHERE name = ?', [RELAY_NAME])) as [
      readonly { readonly epoch: number; readonly last_batch: number }[],
    ];
    const [row] = rows;
    return row === undefined ? undefined : { epoch: row.epoch, lastBatch: row.last_batch };
  });
}

/** Keeps the lease; false when it went to somebody else meanwhile. */
export async function renewRelay(db: Database, epoch: number): Promise<boolean> {
  const sql = `UPDATE event_relay SET lease_until = ${LEASE_END} WHERE name = ? AND epoch = ?`;
  return changedOne(db, 'RenewRelay', sql, [RELAY_NAME, epoch]);
}

/** Gives the lease back, so that another process goes on at once. */
export async function releaseRelay(db: Database, epoch: number): Promise<void> {
  const sql = 'UPDATE event_relay SET lease_until = UTC_TIMESTAMP(3) WHERE name = ? AND epoch = ?';
  await changedOne(db, 'ReleaseRelay', sql, [RELAY_NAME, epoch]);
}

/** The stream is ahead of the database, which was restored from a backup: batches go on being numbered from there. */
export async function skipToBatch(db: Database, epoch: number, batch: number): Promise<boolean> {
  const sql = `UPDATE event_relay SET last_batch = ? WHERE name = ? AND epoch = ? AND last_batch < ${literal(batch)}`;
  return changedOne(db, 'SkipToBatch', sql, [batch, RELAY_NAME, epoch]);
}

async function changedOne(db: Database, name: string, sql: string, values: readonly (string | number)[]) {
  return withTx(db, { name }, async (tx) => {
    const [changed] = (await tx.raw(sql, [...values])) as [{ affectedRows: number }];
    return changed.affectedRows === 1;
  });
}
