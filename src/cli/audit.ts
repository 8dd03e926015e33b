import type { Command } from 'commander';
import type { AccessLog, AuditLog, ListAuditLogsRequest } from '../gen/billing/v1/audit_log.pb';
import { AuditServiceClient } from '../gen/billing/v1/audit_service.pb';
import { systemClock } from '../platform/clock';
import { fromEpochMs } from '../platform/time';
import { callUnary } from './connection';
import { parseInstantMs } from './dev-clock';
import type { Cell } from './output';
import { addPaging, tellNextPage, type CommandParts, type PagingOptions } from './quota';

/** The commands that look at what was done, and who looked at what. */

/** Adds `audit logs` and `audit accesses`. Returns `audit`, for the commands of other files. */
export function addAuditCommands(program: Command, parts: CommandParts): Command {
  const audit = program.command('audit').description('what was done, by whom and why, and proof of it');
  addLogs(audit, parts);
  addAccesses(audit, parts);
  return audit;
}

interface FilterOptions extends PagingOptions {
  readonly actor?: string;
  readonly subjectType?: string;
  readonly subject?: string;
  readonly user?: string;
  /** Unix time in milliseconds. */
  readonly from?: number;
  readonly to?: number;
}

function addFilter(command: Command): Command {
  return command
    .option('--actor <identity>', 'only what this identity did, for example spiffe://billing/operations/operations')
    .option('--subject-type <type>', 'only what concerns things of this kind, for example order')
    .option('--subject <id>', 'only what concerns this one thing; with --subject-type')
    .option('--user <user_id>', "only what is this user's")
    .option('--from <instant>', 'from when on', parseInstantMs)
    .option('--to <instant>', 'until before when', parseInstantMs);
}

function requestOf(options: FilterOptions): ListAuditLogsRequest {
  const { actor = '', subjectType = '', subject = '', user = '', from, to, pageSize, pageToken = '' } = options;
  return {
    ...{ actor, subjectType, subjectId: subject, userId: user, pageSize, pageToken },
    startTime: from === undefined ? undefined : fromEpochMs(from),
    endTime: to === undefined ? undefined : fromEpochMs(to),
  };
}

const LOG_HEADINGS = [
  ...['id', 'time', 'action', 'actor', 'role', 'request', 'subject type', 'subject', 'user', 'cause'],
  ...['before', 'after', 'position', 'hash'],
];

function addLogs(audit: Command, { output, withClient }: CommandParts): void {
  const logs = audit.command('logs').description('what was done to anything but quota, newest first; as auditor');
  addPaging(addFilter(logs)).action(async (options: FilterOptions) => {
    const page = await withClient(AuditServiceClient, (client) =>
      callUnary(client.listAuditLogs.bind(client), requestOf(options), systemClock.now()),
    );
    output().rows(LOG_HEADINGS, page.auditLogs.map(logRow));
    tellNextPage(page.nextPageToken);
  });
}

/** In the order of the list's headings. */
function logRow(log: AuditLog): readonly Cell[] {
  const { auditId, createTime, action, actor, role, request, subjectType, subjectId, userId, cause } = log;
  const done = [auditId, createTime, action, actor, role, request, subjectType, subjectId, userId, cause];
  return [...done, log.before, log.after, log.position, log.hash];
}

function addAccesses(audit: Command, { output, withClient }: CommandParts): void {
  const accesses = audit
    .command('accesses')
    .description('what people looked at of users, orders and the audit log itself, newest first; as auditor');
  addPaging(addFilter(accesses)).action(async (options: FilterOptions) => {
    const page = await withClient(AuditServiceClient, (client) =>
      callUnary(client.listAccessLogs.bind(client), requestOf(options), systemClock.now()),
    );
    output().rows(
      ['id', 'time', 'actor', 'role', 'rpc', 'subject type', 'subject', 'user'],
      page.accessLogs.map(accessRow),
    );
    tellNextPage(page.nextPageToken);
  });
}

function accessRow(access: AccessLog): readonly Cell[] {
  const { accessId, createTime, actor, role, rpc, subjectType, subjectId, userId } = access;
  return [accessId, createTime, actor, role, rpc, subjectType, subjectId, userId];
}
