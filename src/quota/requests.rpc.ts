import { z } from 'zod';
import { QuotaLogType, TaskOutcome, UsageGroup } from '../gen/billing/v1/quota_service.pb';
import { addMs, MS_PER_DAY } from '../platform/time';
import * as rules from '../platform/request-rules';

/** The rules of QuotaService's requests. Each parses into the fields of its command. */

const TTL_MIN_MS = 1_000;
const TTL_MAX_MS = 30 * MS_PER_DAY;
const BATCH_ITEMS_MAX = 1_000;

const taking = {
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  amount: rules.positiveUnits,
  taskId: rules.optionalOpaqueId,
  taskType: rules.optionalOpaqueId,
  description: rules.freeText,
};

export const consumeRequest = z.object(taking);

/** Items are judged one by one: only their number is the call's. */
export const batchRequest = z.object({
  items: z
    .array(z.unknown())
    .min(1, 'must not be empty')
    .max(BATCH_ITEMS_MAX, `has more than ${BATCH_ITEMS_MAX} items`),
});

/** A Duration in whole milliseconds; unset is 0. */
const ttl = z
  .object({ seconds: z.number(), nanos: z.number() })
  .transform(({ seconds, nanos }) => seconds * 1_000 + Math.trunc(nanos / 1_000_000))
  .refine((ms) => ms >= TTL_MIN_MS && ms <= TTL_MAX_MS, 'must be from 1 second to 30 days')
  .optional();

export const holdRequest = z
  .object({ ...taking, ttl })
  .transform(({ ttl: ttlMs = 0, ...fields }) => ({ ...fields, ttlMs }));

export const refundRequest = z.object({
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  consumeRequestId: rules.opaqueId,
  amount: rules.units,
  reason: rules.freeText,
});

export const captureRequest = z.object({
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  holdId: rules.opaqueId,
  amount: rules.positiveUnits,
});

export const releaseRequest = z.object({
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  holdId: rules.opaqueId,
  reason: rules.freeText,
});

export const outcomeRequest = z.object({
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  taskId: rules.opaqueId,
  outcome: z.enum(TaskOutcome, 'is not a known value').transform((value, context) => {
    if (value === TaskOutcome.SUCCEEDED) return 'SUCCEEDED';
    if (value === TaskOutcome.FAILED) return 'FAILED';
    context.addIssue('must be SUCCEEDED or FAILED');
    return z.NEVER;
  }),
});

export const userRequest = z.object({ userId: rules.opaqueId });

export const explainRequestRequest = z.object({ userId: rules.opaqueId, requestId: rules.opaqueId });

export const casesRequest = z.object({
  resolved: z.boolean(),
  pageSize: rules.pageSize,
  pageToken: rules.pageToken,
});

const LOG_TYPES = Object.values(QuotaLogType).filter((value) => typeof value === 'number');

export const listRequest = z
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

const USAGE_DAYS_MAX = 366;

/** `end_time` is there or now. */
export const usageRequest = (now: Date) =>
  z
    .object({
      userId: rules.opaqueId,
      startTime: rules.optionalInstant.transform((instant, context) => {
        if (instant !== undefined) return instant;
        context.addIssue('is required');
        return z.NEVER;
      }),
      endTime: rules.optionalInstant.transform((instant = now) => instant),
      groupBy: z.enum(UsageGroup, 'is not a known value').transform((value, context) => {
        const group = rules.nameOf(USAGE_GROUPS, value);
        if (group !== undefined) return group;
        context.addIssue('must be DAY, TASK_TYPE or SOURCE');
        return z.NEVER;
      }),
    })
    .refine(({ startTime, endTime }) => startTime <= endTime, {
      path: ['endTime'],
      message: 'must not be before start_time',
    })
    .refine(({ startTime, endTime }) => endTime <= addMs(startTime, USAGE_DAYS_MAX * MS_PER_DAY), {
      path: ['endTime'],
      message: `must be at most ${USAGE_DAYS_MAX} days after start_time`,
    });

const USAGE_GROUPS = { DAY: UsageGroup.DAY, TASK_TYPE: UsageGroup.TASK_TYPE, SOURCE: UsageGroup.SOURCE } as const;
