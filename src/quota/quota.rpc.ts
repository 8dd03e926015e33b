import { z } from 'zod';
import type { Membership } from '../gen/billing/v1/membership_service.pb';
import {
  QuotaLogType,
  QuotaServiceService,
  type QuotaGrant,
  type QuotaLog,
  type RefundQuotaResponse,
} from '../gen/billing/v1/quota_service.pb';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import type { Metrics } from '../platform/metrics';
import * as rules from '../platform/request-rules';
import { defineService, type RpcService } from '../platform/rpc/service';
import type { Lot, Posting } from './account';
import { consumeQuota, refundQuota } from './change-quota';
import type { QuotaOutcome, QuotaPolicy } from './ledger';
import { listQuotaLogs, readQuota } from './quota.queries';
import { Turns } from './turns';
import type { UserLock } from './user-lock';

const consumeRequest = z.object({
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  amount: rules.positiveUnits,
  taskId: rules.optionalOpaqueId,
  taskType: rules.optionalOpaqueId,
  description: rules.freeText,
});

const refundRequest = z.object({
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  consumeRequestId: rules.opaqueId,
  amount: rules.units,
  reason: rules.freeText,
});

const getRequest = z.object({ userId: rules.opaqueId });

const LOG_TYPES = Object.values(QuotaLogType).filter((value) => typeof value === 'number');

const listRequest = z
  .object({
    userId: rules.opaqueId,
    type: rules.enumFilter(LOG_TYPES),
    startTime: rules.optionalInstant,
    endTime: rules.optionalInstant,
    pageSize: rules.pageSize,
    pageToken: rules.pageToken,
  })
  .refine(({ startTime, endTime }) => startTime === undefined || endTime === undefined || startTime <= endTime, {
    path: ['endTime'],
    message: 'must not be before start_time',
  });

function toLogMessage(posting: Posting): QuotaLog {
  const { userId, sequence, requestId, amount, units, quotaRemaining, taskId, taskType, description } = posting;
  return {
    userId,
    sequence,
    requestId,
    type: QuotaLogType[posting.type],
    amount,
    units,
    quotaRemaining,
    taskId,
    taskType,
    description,
    createTime: posting.createTime,
    hash: posting.hash.toString('hex'),
    consumeSequence: posting.consumeSequence ?? 0,
  };
}

function toGrantMessage(lot: Lot): QuotaGrant {
  const { grantId, source, amount, remaining, createTime } = lot;
  return {
    grantId,
    source,
    amount,
    remaining,
    orderId: lot.orderId ?? '',
    createTime,
    expireTime: lot.expireTime ?? undefined,
  };
}

function toOutcomeMessage(outcome: QuotaOutcome): RefundQuotaResponse {
  return { log: toLogMessage(outcome.log), quotaRemaining: outcome.quotaRemaining, replayed: outcome.replayed };
}

/** What QuotaService is built from. */
export interface QuotaServiceParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly policy: QuotaPolicy;
  readonly userLock: UserLock;
  /** The membership that GetQuota shows; the membership domain answers. */
  readonly readMembership: (userId: string, now: Date) => Promise<Membership>;
}

/** QuotaService: decode, call, encode. The rules are in ledger.ts. */
export function createQuotaService(parts: QuotaServiceParts): RpcService {
  const { db, clock, metrics, policy, userLock } = parts;
  const turns = new Turns();
  const inTurn = (userId: string, signal: AbortSignal, work: () => Promise<QuotaOutcome>): Promise<QuotaOutcome> =>
    turns.take(userId, signal, () => userLock.around(userId, work));
  const counted = (outcome: QuotaOutcome): RefundQuotaResponse => {
    if (!outcome.replayed) metrics.quotaUnits.inc({ type: outcome.log.type }, outcome.log.units);
    return toOutcomeMessage(outcome);
  };
  return defineService(QuotaServiceService, {
    consumeQuota: async (context, request) => {
      const command = { ...consumeRequest.parse(request), actor: context.caller.identity };
      const consume = () => consumeQuota(db, command, clock.now(), context.signal);
      return counted(await inTurn(command.userId, context.signal, consume));
    },
    refundQuota: async (context, request) => {
      const command = { ...refundRequest.parse(request), actor: context.caller.identity };
      const refund = () => refundQuota(db, command, policy, clock.now(), context.signal);
      return counted(await inTurn(command.userId, context.signal, refund));
    },
    getQuota: async (_context, request) => {
      const { userId } = getRequest.parse(request);
      const now = clock.now();
      const view = await readQuota(db, userId, now);
      const membership = await parts.readMembership(userId, now);
      const { quotaRemaining, quotaHeld, grants } = view;
      return { quotaRemaining, quotaHeld, grants: grants.map(toGrantMessage), membership };
    },
    listQuotaLogs: async (_context, request) => {
      const asked = listRequest.parse(request);
      const { userId, startTime, endTime } = asked;
      const type = asked.type === 0 ? undefined : QuotaLogType[asked.type];
      const page = await listQuotaLogs(db, { userId, type, startTime, endTime }, asked.pageSize, asked.pageToken);
      return { logs: page.rows.map(toLogMessage), nextPageToken: page.nextPageToken };
    },
  });
}
