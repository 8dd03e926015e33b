import type { Membership } from '../gen/billing/v1/membership_service.pb';
import {
  QuotaLogType,
  QuotaServiceService,
  type BatchConsumeQuotaResult,
  type ConsumeQuotaResponse,
  type HoldQuotaResponse,
} from '../gen/billing/v1/quota_service.pb';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import type { Metrics } from '../platform/metrics';
import type { CallContext } from '../platform/rpc/context';
import { defineService, type Handlers, type RpcService } from '../platform/rpc/service';
import type { CallerQuotaCommand, ConsumeCommand, QuotaOutcome } from './commands';
import { explainRequest } from './explain-request';
import {
  toCaseMessage,
  toEffectMessage,
  toGrantMessage,
  toHoldMessage,
  toItemError,
  toLogMessage,
  toRefusalMessage,
  toRowMessage,
  toUsageMessage,
} from './messages.rpc';
import type { QuotaCommits } from './quota-commits';
import { listQuotaLogs, readQuota } from './quota.queries';
import type { RefusalRecorder } from './refusals';
import * as requests from './requests.rpc';
import { listSettlementCases } from './settlement-case.queries';
import { readUsage } from './usage.queries';

/** What QuotaService is built from. */
export interface QuotaServiceParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly commits: QuotaCommits;
  readonly refusals: RefusalRecorder;
  /** The membership that GetQuota shows; the membership domain answers. */
  readonly readMembership: (userId: string, now: Date) => Promise<Membership>;
}

type QuotaHandlers = Handlers<typeof QuotaServiceService>;
type QuotaRead = 'getQuota' | 'listQuotaLogs' | 'explainRequest' | 'listSettlementCases' | 'getUsage';

/** QuotaService: decode, call, encode. The rules are in ledger.ts and settle.ts. */
export function createQuotaService(parts: QuotaServiceParts): RpcService {
  return defineService(QuotaServiceService, { ...commandHandlers(parts), ...readHandlers(parts) });
}

/** Runs one command, counts what it moved, and notes why it was refused. */
function createRunner({ clock, metrics, commits, refusals }: QuotaServiceParts) {
  return async (command: CallerQuotaCommand, context: CallContext): Promise<QuotaOutcome> => {
    try {
      const outcome = await commits.submit(command, context.cancellation);
      if (outcome.replayed) return outcome;
      for (const { type, units } of outcome.logs) metrics.quotaUnits.inc({ type }, units);
      if (outcome.isListed !== undefined) metrics.quotaTaken.inc({ tariff: outcome.isListed ? 'listed' : 'unlisted' });
      return outcome;
    } catch (error) {
      refusals.record(command, error, clock.now());
      throw error;
    }
  };
}

/** Reads the requests of commands. One that breaks the rules is noted too, so that it can be explained. */
function createReader({ clock, refusals }: QuotaServiceParts) {
  return <Fields>(
    kind: CallerQuotaCommand['kind'],
    rules: { parse(request: unknown): Fields },
    request: unknown,
    context: CallContext,
  ): Fields => {
    try {
      return rules.parse(request);
    } catch (error) {
      refusals.recordMalformed(request, { kind, actor: context.caller.identity }, error, clock.now());
      throw error;
    }
  };
}

/** What every command answers beside its rows. */
function answerOf({ quotaRemaining, replayed }: QuotaOutcome): { quotaRemaining: number; replayed: boolean } {
  return { quotaRemaining, replayed };
}

function commandHandlers(parts: QuotaServiceParts): Omit<QuotaHandlers, QuotaRead> {
  const run = createRunner(parts);
  const read = createReader(parts);
  const consume = async (request: unknown, context: CallContext): Promise<ConsumeQuotaResponse> => {
    const fields = read('ConsumeQuota', requests.consumeRequest, request, context);
    const { requestId, userId, amount, taskId, taskType, description } = fields;
    const actor = context.caller.identity;
    // Field by field, here and wherever every call comes by: a spread object costs V8 a look-up of each of its fields later.
    const command: ConsumeCommand = {
      kind: 'ConsumeQuota',
      requestId,
      userId,
      amount,
      taskId,
      taskType,
      description,
      actor,
    };
    const { logs, quotaRemaining, replayed } = await run(command, context);
    return { log: toRowMessage(logs), quotaRemaining, replayed };
  };
  const consumeItem = async (item: unknown, index: number, context: CallContext): Promise<BatchConsumeQuotaResult> => {
    try {
      return { result: { $case: 'response', value: await consume(item, context) } };
    } catch (error) {
      return toItemError(error, index);
    }
  };
  const runAboutHold = async (command: CallerQuotaCommand, context: CallContext): Promise<HoldQuotaResponse> => {
    const outcome = await run(command, context);
    return { hold: toHoldMessage(outcome), log: toRowMessage(outcome.logs), ...answerOf(outcome) };
  };
  return {
    consumeQuota: (context, request) => consume(request, context),
    batchConsumeQuota: async (context, request) => {
      const { items } = requests.batchRequest.parse(request);
      return { results: await Promise.all(items.map((item, index) => consumeItem(item, index, context))) };
    },
    refundQuota: async (context, request) => {
      const fields = read('RefundQuota', requests.refundRequest, request, context);
      const outcome = await run({ kind: 'RefundQuota', ...fields, actor: context.caller.identity }, context);
      return { log: toRowMessage(outcome.logs), ...answerOf(outcome) };
    },
    holdQuota: (context, request) => {
      const fields = read('HoldQuota', requests.holdRequest, request, context);
      return runAboutHold({ kind: 'HoldQuota', ...fields, actor: context.caller.identity }, context);
    },
    captureQuota: (context, request) => {
      const fields = read('CaptureQuota', requests.captureRequest, request, context);
      return runAboutHold({ kind: 'CaptureQuota', ...fields, actor: context.caller.identity }, context);
    },
    releaseQuota: (context, request) => {
      const fields = read('ReleaseQuota', requests.releaseRequest, request, context);
      return runAboutHold({ kind: 'ReleaseQuota', ...fields, actor: context.caller.identity }, context);
    },
    reportTaskOutcome: async (context, request) => {
      const fields = read('ReportTaskOutcome', requests.outcomeRequest, request, context);
      const outcome = await run({ kind: 'ReportTaskOutcome', ...fields, actor: context.caller.identity }, context);
      const { logs, chargesSettled = 0 } = outcome;
      return { logs: logs.map(toLogMessage), ...answerOf(outcome), chargesSettled };
    },
  };
}

function readHandlers({ db, clock, readMembership }: QuotaServiceParts): Pick<QuotaHandlers, QuotaRead> {
  return {
    explainRequest: async (_context, request) => {
      const { userId, requestId } = requests.explainRequestRequest.parse(request);
      const { effect, refusals } = await explainRequest(db, userId, requestId, clock.now());
      return {
        effect: effect === undefined ? undefined : toEffectMessage(effect),
        refusals: refusals.map(toRefusalMessage),
      };
    },
    listSettlementCases: async (_context, request) => {
      const { resolved, pageSize, pageToken } = requests.casesRequest.parse(request);
      const page = await listSettlementCases(db, resolved, pageSize, pageToken);
      return { cases: page.rows.map(toCaseMessage), nextPageToken: page.nextPageToken };
    },
    getQuota: async (_context, request) => {
      const { userId } = requests.userRequest.parse(request);
      const now = clock.now();
      const view = await readQuota(db, userId, now);
      const membership = await readMembership(userId, now);
      const { quotaRemaining, quotaHeld, grants } = view;
      return { quotaRemaining, quotaHeld, grants: grants.map(toGrantMessage), membership };
    },
    listQuotaLogs: async (_context, request) => {
      const asked = requests.listRequest.parse(request);
      const { userId, startTime, endTime } = asked;
      const type = asked.type === 0 ? undefined : QuotaLogType[asked.type];
      const page = await listQuotaLogs(db, { userId, type, startTime, endTime }, asked.pageSize, asked.pageToken);
      return { logs: page.rows.map(toLogMessage), nextPageToken: page.nextPageToken };
    },
    getUsage: async ({ signal }, request) => {
      const { userId, startTime, endTime, groupBy: group } = requests.usageRequest(clock.now()).parse(request);
      const { rows, others } = await readUsage(db, { userId, startTime, endTime, group }, signal);
      return { rows: rows.map(toUsageMessage), others: others === undefined ? undefined : toUsageMessage(others) };
    },
  };
}
