import { ApiError, INTERNAL_UNPUBLISHED, paramError } from '../api-error';
import { shanghaiDay, startOfShanghaiDay } from '../time';

/** A business day whose bill can be made. */
export interface BillDay {
  readonly day: string;
  readonly startMs: number;
  readonly endMs: number;
  /** When the bill was made: what happened later does not show in it. */
  readonly snapshotMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MADE_AFTER_MS = 9 * HOUR_MS;
const READY_AFTER_MS = 10 * HOUR_MS;
const DAYS_MAX = 92;

export function isWithin({ startMs, endMs }: BillDay, timeMs: number): boolean {
  return timeMs >= startMs && timeMs < endMs;
}

/** @throws ApiError PARAM_ERROR for a day to come or too long ago, otherwise what is said of a bill not made yet. */
export function billDay(day: string, now: Date): BillDay {
  const startMs = startOfShanghaiDay(day);
  const endMs = startMs + DAY_MS;
  const refuse = (issue: string): ApiError => paramError({ location: 'query', field: 'bill_date', value: day, issue });
  if (Number.isNaN(startMs)) throw refuse('不是有效的日期');
  if (startMs > now.getTime()) throw refuse('账单日期不能是将来的日期');
  if (startMs < startOfShanghaiDay(shanghaiDay(now)) - DAYS_MAX * DAY_MS) throw refuse('仅支持三个月内的账单');
  if (now.getTime() < endMs) throw noStatement();
  if (now.getTime() < endMs + READY_AFTER_MS) {
    throw new ApiError(400, 'STATEMENT_CREATING', '账单生成中，请稍后重试', INTERNAL_UNPUBLISHED);
  }
  return { day, startMs, endMs, snapshotMs: endMs + MADE_AFTER_MS };
}

/** 400 NO_STATEMENT_EXIST: nothing happened on that day, or it is not over. */
export function noStatement(): ApiError {
  return new ApiError(400, 'NO_STATEMENT_EXIST', '请求的账单文件不存在', INTERNAL_UNPUBLISHED);
}
