import { InvalidArgumentError, Option, type Command } from 'commander';
import {
  QuotaLogType,
  QuotaServiceClient,
  TaskOutcome,
  UsageGroup,
  type QuotaLog,
  type RequestEffect,
} from '../gen/billing/v1/quota_service.pb';
import { systemClock } from '../platform/clock';
import { fromEpochMs } from '../platform/time';
import { callUnary, type Connection } from './connection';
import { parseInstantMs } from './dev-clock';
import type { Cell, NamedTable, Output } from './output';

/** The commands that look at quota. */

/** How a generated client is made. */
export type ClientType<Client> = new (
  address: string,
  credentials: Connection['channelCredentials'],
  options: Connection['channelOptions'],
) => Client;

/** What the commands need of the program. */
export interface CommandParts {
  readonly output: () => Output;
  /** Runs a call with a client that is closed afterwards. */
  readonly withClient: <Client extends { close(): void }, Result>(
    Type: ClientType<Client>,
    run: (client: Client) => Promise<Result>,
  ) => Promise<Result>;
}

/** Reads how many rows to show. */
function parsePageSize(text: string): number {
  const rows = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (rows < 1 || rows > 200) throw new InvalidArgumentError('It must be a whole number from 1 to 200.');
  return rows;
}

export interface PagingOptions {
  readonly pageSize: number;
  readonly pageToken?: string;
}

/** Adds how many rows to show, and where to go on. */
export function addPaging(command: Command): Command {
  return command
    .option('--page-size <rows>', 'rows to show, 1 to 200', parsePageSize, 50)
    .option('--page-token <token>', 'where to go on');
}

/** Tells standard error that there is more, and where. */
export function tellNextPage(nextPageToken: string): void {
  if (nextPageToken !== '') process.stderr.write(`More: --page-token ${nextPageToken}\n`);
}

/** Adds `quota show`, `logs`, `usage`, `explain` and `cases`. */
export function addQuotaCommands(program: Command, parts: CommandParts): void {
  const quota = program.command('quota').description('look at quota');
  addShow(quota, parts);
  addLogs(quota, parts);
  addUsage(quota, parts);
  addExplain(quota, parts);
  addCases(quota, parts);
}

function addShow(quota: Command, { output, withClient }: CommandParts): void {
  quota
    .command('show <user_id>')
    .description('what a user can use now, and the grants it consists of')
    .action(async (userId: string) => {
      const view = await withClient(QuotaServiceClient, (client) =>
        callUnary(client.getQuota.bind(client), { userId }, systemClock.now()),
      );
      const rows = view.grants.map((grant) => [
        grant.grantId,
        grant.source,
        grant.remaining,
        grant.amount,
        grant.expireTime,
      ]);
      const { quotaRemaining, quotaHeld, membership } = view;
      const plan = membership?.active === true ? membership.planName : '-';
      output().recordWithRows(
        { user_id: userId, quota_remaining: quotaRemaining, quota_held: quotaHeld, membership: plan },
        'grants',
        ['grant', 'source', 'remaining', 'amount', 'expires'],
        rows,
      );
    });
}

const LOG_HEADINGS = ['sequence', 'type', 'amount', 'remaining', 'request_id', 'task', 'time'];

function logRow(log: QuotaLog): readonly Cell[] {
  const { sequence, amount, quotaRemaining, requestId, taskId, createTime } = log;
  return [sequence, QuotaLogType[log.type], amount, quotaRemaining, requestId, taskId, createTime];
}

function addLogs(quota: Command, { output, withClient }: CommandParts): void {
  addPaging(quota.command('logs <user_id>').description("a user's quota log, newest first")).action(
    async (userId: string, { pageSize, pageToken = '' }: PagingOptions) => {
      const request = { userId, type: QuotaLogType.UNSPECIFIED, startTime: undefined, endTime: undefined };
      const page = await withClient(QuotaServiceClient, (client) =>
        callUnary(client.listQuotaLogs.bind(client), { ...request, pageSize, pageToken }, systemClock.now()),
      );
      output().rows(LOG_HEADINGS, page.logs.map(logRow));
      tellNextPage(page.nextPageToken);
    },
  );
}

const USAGE_GROUPS = {
  day: UsageGroup.DAY,
  'task-type': UsageGroup.TASK_TYPE,
  source: UsageGroup.SOURCE,
} as const;

interface UsageOptions {
  readonly by: keyof typeof USAGE_GROUPS;
  /** Unix time in milliseconds. */
  readonly from: number;
  readonly to?: number;
}

function addUsage(quota: Command, { output, withClient }: CommandParts): void {
  quota
    .command('usage <user_id>')
    .description("what a user's quota was used for in a time of at most 366 days")
    .requiredOption('--from <instant>', 'from when on', parseInstantMs)
    .option('--to <instant>', 'until before when; default: now', parseInstantMs)
    .addOption(new Option('--by <group>', 'what the rows are by').choices(Object.keys(USAGE_GROUPS)).default('day'))
    .action(async (userId: string, { by, from, to }: UsageOptions) => {
      const time = { startTime: fromEpochMs(from), endTime: to === undefined ? undefined : fromEpochMs(to) };
      const { rows, others } = await withClient(QuotaServiceClient, (client) =>
        callUnary(client.getUsage.bind(client), { userId, ...time, groupBy: USAGE_GROUPS[by] }, systemClock.now()),
      );
      const more = others === undefined ? [] : [{ ...others, key: '(others)' }];
      output().rows(
        [by.replace('-', '_'), 'consumed', 'returned'],
        [...rows, ...more].map(({ key, consumedUnits, returnedUnits }) => [key, consumedUnits, returnedUnits]),
      );
    });
}

/** What the request did, or that it did nothing. */
function effectFields(effect: RequestEffect | undefined): Readonly<Record<string, Cell>> {
  if (effect === undefined) return { effect: 'none' };
  const { kind, actor, createTime, settled, taskId, outcome } = effect;
  const reported = outcome === TaskOutcome.UNSPECIFIED ? {} : { outcome: TaskOutcome[outcome] };
  return { effect: kind, actor, time: createTime, task: taskId, ...reported, settled };
}

function addExplain(quota: Command, { output, withClient }: CommandParts): void {
  quota
    .command('explain <user_id> <request_id>')
    .description('what became of a request: what it did, what settled that since, why it was refused')
    .action(async (userId: string, requestId: string) => {
      const { effect, refusals } = await withClient(QuotaServiceClient, (client) =>
        callUnary(client.explainRequest.bind(client), { userId, requestId }, systemClock.now()),
      );
      const tables: readonly NamedTable[] = [
        { name: 'rows', headings: LOG_HEADINGS, rows: effect?.logs.map(logRow) ?? [] },
        { name: 'settled by', headings: LOG_HEADINGS, rows: effect?.settlingLogs.map(logRow) ?? [] },
        {
          name: 'refusals',
          headings: ['time', 'command', 'code', 'reason', 'values', 'content', 'actor'],
          rows: refusals.map(({ createTime, kind, code, reason, metadata, contentJson, actor }) => {
            const values = Object.entries(metadata).map(([name, value]) => `${name}=${value}`);
            return [createTime, kind, code, reason, values.sort().join(' '), contentJson, actor];
          }),
        },
      ];
      output().recordWithTables({ user_id: userId, request_id: requestId, ...effectFields(effect) }, tables);
    });
}

function addCases(quota: Command, { output, withClient }: CommandParts): void {
  const cases = quota
    .command('cases')
    .description('charges of which nobody knows how their task ended, oldest first')
    .option('--resolved', 'those that were settled since, instead of the open ones');
  addPaging(cases).action(async (options: PagingOptions & { readonly resolved?: boolean }) => {
    const { resolved = false, pageSize, pageToken = '' } = options;
    const page = await withClient(QuotaServiceClient, (client) =>
      callUnary(client.listSettlementCases.bind(client), { resolved, pageSize, pageToken }, systemClock.now()),
    );
    output().rows(
      ['user', 'sequence', 'task', 'kind', 'units', 'reason', 'opened', 'resolved'],
      page.cases.map((one) => [
        ...[one.userId, one.sequence, one.taskId, one.kind, one.units, one.reason],
        ...[one.openTime, one.resolveTime],
      ]),
    );
    tellNextPage(page.nextPageToken);
  });
}
