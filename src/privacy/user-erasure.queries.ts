import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { readOnly, type Tx } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';
import { privacyErrors } from './privacy.errors';
import { UserErasureRow, type ErasureState } from './user-erasure.model';

function required(erasure: UserErasureRow | undefined, erasureId: string): UserErasureRow {
  if (erasure !== undefined) return erasure;
  throw privacyErrors.ERASURE_NOT_FOUND({ metadata: { erasure_id: erasureId } });
}

/** One erasure as it is now. Throws ERASURE_NOT_FOUND. */
export async function readErasure(db: Database, erasureId: string): Promise<UserErasureRow> {
  return required(await readOnly(db, (reader) => UserErasureRow.query(reader).findById(erasureId)), erasureId);
}

/** The same under its lock. Throws ERASURE_NOT_FOUND. */
export async function lockErasure(tx: Tx, erasureId: string): Promise<UserErasureRow> {
  return required(await UserErasureRow.query(tx).findById(erasureId).forUpdate(), erasureId);
}

/** The erasure of a user that is neither carried out nor rejected, if there is one. */
export function findUndone(reader: Knex, userId: string) {
  return UserErasureRow.query(reader).findOne('undone', userId);
}

/** Which erasures to list. */
export interface ErasureFilter {
  readonly state: ErasureState | undefined;
  /** Empty: of all users. */
  readonly userId: string;
}

/** One page of erasures, newest first. Throws INVALID_REQUEST for a foreign page token. */
export async function listErasures(
  db: Database,
  { state, userId }: ErasureFilter,
  pageSize: number,
  pageToken: string,
): Promise<Page<UserErasureRow>> {
  const filters = { list: 'erasures', state, userId };
  const after = readPageToken(pageToken, filters);
  const rows = await readOnly(db, (reader) => {
    const query = UserErasureRow.query(reader)
      .orderBy('id', 'desc')
      .limit(pageSize + 1);
    if (state !== undefined) void query.where('state', state);
    if (userId !== '') void query.where('userId', userId);
    if (after !== undefined) void query.where('id', '<', after);
    return query;
  });
  return cutPage(rows, pageSize, filters, ({ id }) => id);
}
