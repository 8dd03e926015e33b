import type { Model, QueryBuilder } from 'objection';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';
import { fromEpochMs } from '../platform/time';
import { AccessLogRow, AuditChainRow, AuditLogRow } from './audit.model';

/** Which rows of the audit log, or of the access log, to list. Empty texts ask for all. */
export interface LogFilter {
  readonly actor: string;
  readonly subjectType: string;
  readonly subjectId: string;
  readonly userId: string;
  /** Inclusive. */
  readonly startTime?: Date | undefined;
  /** Exclusive. */
  readonly endTime?: Date | undefined;
}

/** An audit row with its place in the chain. */
export interface AuditView {
  readonly row: AuditLogRow;
  /** Undefined until it is sealed. */
  readonly place: Pick<AuditChainRow, 'position' | 'hash'> | undefined;
}

/** Where a page ends: milliseconds since 1970 and the id. */
const PLACE_KEY = /^\d{1,15}\.\d{1,15}$/;

/** One page of the audit log, newest first. Throws INVALID_REQUEST for a foreign page token. */
export async function listAuditLogs(
  db: Database,
  filter: LogFilter,
  pageSize: number,
  pageToken: string,
): Promise<Page<AuditView>> {
  const filters = { list: 'audit logs', ...filter };
  const after = readPageToken(pageToken, filters, PLACE_KEY);
  const rows = await readOnly(db, (reader) =>
    newestFirst(AuditLogRow.query(reader), filter, after).limit(pageSize + 1),
  );
  const page = cutPage(rows, pageSize, filters, placeKeyOf);
  const ids = page.rows.map(({ id }) => id);
  const places = await readOnly(db, (reader) => AuditChainRow.query(reader).whereIn('auditId', ids));
  const placeOf = new Map(places.map((place) => [place.auditId, place]));
  return { ...page, rows: page.rows.map((row) => ({ row, place: placeOf.get(row.id) })) };
}

/** One page of what people looked at, newest first. Throws INVALID_REQUEST for a foreign page token. */
export async function listAccessLogs(
  db: Database,
  filter: LogFilter,
  pageSize: number,
  pageToken: string,
): Promise<Page<AccessLogRow>> {
  const filters = { list: 'access logs', ...filter };
  const after = readPageToken(pageToken, filters, PLACE_KEY);
  const rows = await readOnly(db, (reader) =>
    newestFirst(AccessLogRow.query(reader), filter, after).limit(pageSize + 1),
  );
  return cutPage(rows, pageSize, filters, placeKeyOf);
}

function placeKeyOf({ id, createTime }: { readonly id: number; readonly createTime: Date }): string {
  return `${createTime.getTime()}.${id}`;
}

/** By time and then by number: numbers alone are not in order of time, as whoever draws first may commit last. */
function newestFirst<Row extends Model>(
  query: QueryBuilder<Row>,
  filter: LogFilter,
  after: string | undefined,
): QueryBuilder<Row> {
  const { actor, subjectType, subjectId, userId, startTime, endTime } = filter;
  for (const [column, value] of Object.entries({ actor, subjectType, subjectId, userId })) {
    if (value !== '') void query.where(column, value);
  }
  if (startTime !== undefined) void query.where('createTime', '>=', startTime);
  if (endTime !== undefined) void query.where('createTime', '<', endTime);
  if (after !== undefined) startAfter(query, after);
  return query.orderBy([
    { column: 'createTime', order: 'desc' },
    { column: 'id', order: 'desc' },
  ]);
}

function startAfter<Row extends Model>(query: QueryBuilder<Row>, key: string): void {
  const [ms = '', id = ''] = key.split('.');
  const time = fromEpochMs(Number(ms));
  void query.where('createTime', '<=', time).where((below) => {
    void below.where('createTime', '<', time).orWhere('id', '<', Number(id));
  });
}
