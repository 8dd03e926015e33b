import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { cutPage, POSITION_KEY, readPageToken, type Page } from '../platform/paging';
import type { Lot, Posting } from './account';
import { usableLots } from './burn-order';
import { QuotaGrantRow, toLot } from './quota-grant.model';
import { QuotaLogRow, toPosting } from './quota-log.model';
import { quotaErrors } from './quota.errors';
import { UserRow } from './user.model';

/** Reads of quota. They lock nothing. */

/** What a user can use at an instant. */
export interface QuotaView {
  readonly quotaRemaining: number;
  readonly quotaHeld: number;
  /** Lots with usable units, in burn order. */
  readonly grants: readonly Lot[];
}

/** A user. Throws USER_NOT_FOUND. */
export async function readUser(db: Database, userId: string): Promise<UserRow> {
  const user = await readOnly(db, (reader) => UserRow.query(reader).findById(userId));
  if (user === undefined) throw quotaErrors.USER_NOT_FOUND({ metadata: { user_id: userId } });
  return user;
}

/** What a user can use now: expired lots are not counted, booked or not. Throws USER_NOT_FOUND. */
export async function readQuota(db: Database, userId: string, now: Date): Promise<QuotaView> {
  const user = await readUser(db, userId);
  const rows = await readOnly(db, (reader) =>
    QuotaGrantRow.query(reader)
      .where('userId', user.id)
      .where((lots) => {
        void lots.where('remaining', '>', 0).orWhere('held', '>', 0);
      }),
  );
  const grants = usableLots(rows.map(toLot), now);
  return {
    quotaRemaining: grants.reduce((sum, lot) => sum + lot.remaining, 0),
    quotaHeld: rows.reduce((sum, row) => sum + row.held, 0),
    grants,
  };
}

/** Which rows of a log to list. */
export interface LogFilter {
  readonly userId: string;
  /** A row type of the schema, for example `CONSUME`. */
  readonly type: string | undefined;
  /** Inclusive. */
  readonly startTime: Date | undefined;
  /** Exclusive. */
  readonly endTime: Date | undefined;
}

/** One page of a user's log, newest first. Throws USER_NOT_FOUND, INVALID_REQUEST for a foreign page token. */
export async function listQuotaLogs(
  db: Database,
  filter: LogFilter,
  pageSize: number,
  pageToken: string,
): Promise<Page<Posting>> {
  const { userId, type, startTime, endTime } = filter;
  const after = readPageToken(pageToken, { ...filter }, POSITION_KEY);
  await readUser(db, userId);
  const rows = await readOnly(db, (reader) => {
    const query = QuotaLogRow.query(reader)
      .where('userId', userId)
      .orderBy('sequence', 'desc')
      .limit(pageSize + 1);
    if (type !== undefined) void query.where('type', type);
    if (startTime !== undefined) void query.where('createTime', '>=', startTime);
    if (endTime !== undefined) void query.where('createTime', '<', endTime);
    if (after !== undefined) void query.where('sequence', '<', Number(after));
    return query;
  });
  return cutPage(rows.map(toPosting), pageSize, { ...filter }, (posting) => String(posting.sequence));
}
