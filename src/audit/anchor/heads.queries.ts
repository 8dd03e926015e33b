import type { Snapshot } from '../../platform/db/snapshot';
import type { Head } from './head';

/** Rows read at a time. */
const PAGE_SIZE = 5_000;

/** A user as anchors see one. */
export interface StoredHead extends Head {
  readonly createTime: Date;
}

/** Where every user's log stands by the users' own rows, in order of user. */
export async function* readHeads(snapshot: Pick<Snapshot, 'arrays'>): AsyncGenerator<readonly StoredHead[]> {
  for (let after = ''; ;) {
    const rows = await snapshot.arrays(
      'SELECT id, log_sequence, log_hash, create_time FROM users WHERE id > ? ORDER BY id LIMIT ?',
      [after, PAGE_SIZE],
    );
    const page = rows.map(([userId, sequence, hash, createTime]) => {
      return { userId, sequence, hash, createTime } as StoredHead;
    });
    yield page;
    const last = page.at(-1);
    if (page.length < PAGE_SIZE || last === undefined) return;
    after = last.userId;
  }
}

/** The hashes that rows of quota logs carry, by user, for one row of each user. Rows that are not there are left out. */
export async function readHashesAt(
  snapshot: Pick<Snapshot, 'arrays'>,
  places: readonly { readonly userId: string; readonly sequence: number }[],
): Promise<ReadonlyMap<string, Buffer>> {
  if (places.length === 0) return new Map();
  const rows = await snapshot.arrays(
    `SELECT user_id, hash FROM quota_logs WHERE (user_id, sequence) IN (${places.map(() => '(?, ?)').join(', ')})`,
    places.flatMap(({ userId, sequence }) => [userId, sequence]),
  );
  return new Map(rows.map(([userId, hash]) => [userId as string, hash as Buffer]));
}

/** A place of the chain of the audit log. */
export interface AuditPlaceHash {
  readonly position: number;
  readonly hash: Buffer;
}

/** Where the chain of the audit log stands, as its own row says. */
export async function readAuditHead(snapshot: Snapshot): Promise<AuditPlaceHash> {
  const [row] = await snapshot.rows<AuditPlaceHash>('SELECT position, hash FROM audit_chain_head');
  if (row === undefined) throw new Error('the chain of the audit log has no head');
  return row;
}

/** The hash at a place of that chain; undefined when there is none. Place 0 is where it begins. */
export async function readAuditHashAt(snapshot: Pick<Snapshot, 'rows'>, position: number): Promise<Buffer | undefined> {
  if (position === 0) return Buffer.alloc(32);
  const [row] = await snapshot.rows<{ hash: Buffer }>('SELECT hash FROM audit_chain WHERE position = ?', [position]);
  return row?.hash;
}
