import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { cutPage, POSITION_KEY, readPageToken, type Page } from '../platform/paging';
import type { LimitedUse, NewLot, Posting } from './account';
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
  readonly grants: readonly NewLot[];
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

/** Units that a limit has seen: taken or set aside, and not returned. */
export async function readFeatureUse(reader: Knex, userId: string, { feature, periodNo }: LimitedUse): Promise<number> {
  const row = await reader<{ userId: string; feature: string; periodNo: number; used: number }>('feature_usages')
    .where({ userId, feature, periodNo })
    .first('used');
  return row?.used ?? 0;
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
  const { logSequence } = await readUser(db, userId);
  const first = startTime === undefined ? 1 : await firstSequenceFrom(db, userId, startTime, logSequence);
  const end = endTime === undefined ? logSequence + 1 : await firstSequenceFrom(db, userId, endTime, logSequence);
  const before = after === undefined ? end : Math.min(end, Number(after));
  const rows = await readOnly(db, (reader) => {
    const query = QuotaLogRow.query(reader)
      .where('userId', userId)
      .where('sequence', '>=', first)
      .where('sequence', '<', before)
      .orderBy('sequence', 'desc')
      .limit(pageSize + 1);
    if (type !== undefined) void query.where('type', type);
    return query;
  });
  return cutPage(rows.map(toPosting), pageSize, { ...filter }, (posting) => String(posting.sequence));
}

/**
 * The sequence of a user's first row at or after an instant; one past the last when there is none. A log runs with time
 * and has no gaps, so halving finds it in a few look-ups of the primary key, and no index by time is needed.
 */
export async function firstSequenceFrom(
  db: Database,
  userId: string,
  instant: Date,
  logSequence: number,
): Promise<number> {
  let [low, high] = [1, logSequence + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = await readOnly(db, (reader) =>
      QuotaLogRow.query(reader).select('createTime').findById([userId, middle]),
    );
    if (row !== undefined && row.createTime.getTime() < instant.getTime()) low = middle + 1;
    else high = middle;
  }
  return low;
}
