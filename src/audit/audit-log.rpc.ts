import { z } from 'zod';
import type { AccessLog, AuditLog } from '../gen/billing/v1/audit_log.pb';
import type { Database } from '../platform/db/database';
import * as rules from '../platform/request-rules';
import { listAccessLogs, listAuditLogs, type AuditView } from './audit-log.queries';
import type { AccessLogRow } from './audit.model';
import type { AuditHandlers } from './audit.rpc';

const listRequest = z
  .object({
    actor: z.string().regex(/^(?:spiffe:\/\/billing\/[a-z-]{1,64}\/[a-z0-9-]{1,64})?$/, 'is not a whole identity'),
    subjectType: z.string().regex(/^[a-z_]{0,16}$/, 'is not a kind of thing'),
    subjectId: rules.optionalOpaqueId,
    userId: rules.optionalOpaqueId,
    startTime: rules.optionalInstant,
    endTime: rules.optionalInstant,
    pageSize: rules.pageSize,
    pageToken: rules.pageToken,
  })
  .refine(({ subjectType, subjectId }) => subjectId === '' || subjectType !== '', {
    path: ['subjectType'],
    message: 'is required with subject_id',
  })
  .transform(({ pageSize, pageToken, ...filter }) => ({ filter, pageSize, pageToken }));

/** The handlers of ListAuditLogs and ListAccessLogs. */
export function createAuditLogHandlers({
  db,
}: {
  readonly db: Database;
}): Pick<AuditHandlers, 'listAuditLogs' | 'listAccessLogs'> {
  return {
    listAuditLogs: async (_context, request) => {
      const { filter, pageSize, pageToken } = listRequest.parse(request);
      const page = await listAuditLogs(db, filter, pageSize, pageToken);
      return { auditLogs: page.rows.map(toAuditMessage), nextPageToken: page.nextPageToken };
    },
    listAccessLogs: async (_context, request) => {
      const { filter, pageSize, pageToken } = listRequest.parse(request);
      const page = await listAccessLogs(db, filter, pageSize, pageToken);
      return { accessLogs: page.rows.map(toAccessMessage), nextPageToken: page.nextPageToken };
    },
  };
}

function toAuditMessage({ row, place }: AuditView): AuditLog {
  const { id: auditId, action, actor, subjectType, subjectId, cause, afterState: after, createTime } = row;
  return {
    ...{ auditId, action, actor, subjectType, subjectId, cause, after, createTime },
    role: row.role ?? '',
    request: row.request ?? '',
    userId: row.userId ?? '',
    before: row.beforeState ?? '',
    position: place?.position ?? 0,
    hash: place?.hash.toString('hex') ?? '',
  };
}

function toAccessMessage(row: AccessLogRow): AccessLog {
  const { id: accessId, actor, role, rpc, subjectType, subjectId, userId, createTime } = row;
  return { accessId, actor, role, rpc, subjectType, subjectId, createTime, userId: userId ?? '' };
}
