import {
  HoldStatus,
  QuotaLogType,
  TaskOutcome,
  type BatchConsumeQuotaResult,
  type Hold,
  type QuotaGrant,
  type QuotaLog,
  type RequestEffect,
  type RequestRefusal,
  type SettlementCase,
  type UsageRow,
} from '../gen/billing/v1/quota_service.pb';
import { refusalOf, statusCodeOf } from '../platform/rpc/status';
import type { NewLot, Posting } from './account';
import type { QuotaOutcome } from './commands';
import type { Effect, Refusal } from './explain-request';
import type { SettlementCaseRow } from './settlement-case.model';
import type { Usage } from './usage';

/** What the ledger knows, as QuotaService says it. */

export function toLogMessage(posting: Posting): QuotaLog {
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

export function toGrantMessage(lot: NewLot): QuotaGrant {
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

/** The one row of a command that has one. */
export function toRowMessage([row]: QuotaOutcome['logs']): QuotaLog | undefined {
  return row === undefined ? undefined : toLogMessage(row);
}

const HOLD_STATUSES = { open: HoldStatus.OPEN, settled: HoldStatus.CAPTURED, released: HoldStatus.RELEASED } as const;

export function toHoldMessage({ hold }: QuotaOutcome): Hold | undefined {
  if (hold === undefined) return undefined;
  const { row, charge } = hold;
  const { requestId: holdId, userId, taskId, taskType, createTime } = row;
  const status = HOLD_STATUSES[charge.state];
  const expireTime = charge.settleDeadline ?? undefined;
  return { holdId, userId, amount: charge.units, status, taskId, taskType, createTime, expireTime };
}

/** The refusal of one item of a batch; paths of its fields begin with its place. */
export function toItemError(thrown: unknown, index: number): BatchConsumeQuotaResult {
  const { code, reason, message, metadata, fieldViolations } = refusalOf(thrown);
  const fields = fieldViolations.map(({ field }) => `items[${index}].${field}`);
  const error = { code: statusCodeOf(code), reason, message, metadata, fields };
  return { result: { $case: 'error', value: error } };
}

export function toEffectMessage(effect: Effect): RequestEffect {
  const { kind, actor, createTime, logs, settlingLogs, isSettled, taskId, outcome } = effect;
  return {
    kind,
    actor,
    createTime,
    logs: logs.map(toLogMessage),
    settlingLogs: settlingLogs.map(toLogMessage),
    settled: isSettled,
    taskId,
    outcome: outcome === undefined ? TaskOutcome.UNSPECIFIED : TaskOutcome[outcome],
  };
}

export function toRefusalMessage(refusal: Refusal): RequestRefusal {
  const { kind, actor, createTime, code, reason, metadata, content } = refusal;
  return { kind, actor, createTime, code, reason, metadata, contentJson: content };
}

export function toCaseMessage(row: SettlementCaseRow): SettlementCase {
  const { userId, sequence, taskId, kind, units, reason, openTime, resolveTime } = row;
  return { userId, sequence, taskId, kind, units, reason, openTime, resolveTime: resolveTime ?? undefined };
}

export function toUsageMessage({ key, consumed, returned }: Usage): UsageRow {
  return { key, consumedUnits: consumed, returnedUnits: returned };
}
