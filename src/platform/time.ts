import { Temporal } from 'temporal-polyfill';

/**
 * Calendar arithmetic of the business: instants are UTC, days and months are Asia/Shanghai. The only file that knows
 * the business time zone. Intervals are half-open: [start, end).
 */
const BUSINESS_TIME_ZONE = 'Asia/Shanghai';

export const MS_PER_MINUTE = 60_000;
export const MS_PER_DAY = 86_400_000;

/** A unit in which periods are sold. */
export type PeriodUnit = 'day' | 'month';

/**
 * The instant `count` units after an anchor, at the anchor's time of day in Shanghai. Months keep the anchor's day:
 * 31 Jan + 1 month = 28 or 29 Feb, 31 Jan + 2 months = 31 Mar. Always count from the anchor, never from the last
 * result: chaining would lose the 31st for ever.
 */
export function addPeriods(anchor: Date, unit: PeriodUnit, count: number): Date {
  const local = Temporal.Instant.fromEpochMilliseconds(anchor.getTime()).toZonedDateTimeISO(BUSINESS_TIME_ZONE);
  const moved = local.add(unit === 'month' ? { months: count } : { days: count }, { overflow: 'constrain' });
  return fromEpochMs(moved.epochMilliseconds);
}

/** The business day that an instant is on, as `2026-01-31`: from midnight to midnight in Shanghai. */
export function businessDay(instant: Date): string {
  const local = Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(BUSINESS_TIME_ZONE);
  return local.toPlainDate().toString();
}

/** The instant a number of milliseconds after another. */
export function addMs(instant: Date, milliseconds: number): Date {
  return fromEpochMs(instant.getTime() + milliseconds);
}

/** The instant of a Unix time in milliseconds. */
export function fromEpochMs(epochMs: number): Date {
  return new Date(epochMs);
}

/** The later of two instants. */
export function later(first: Date, second: Date): Date {
  return first.getTime() >= second.getTime() ? first : second;
}
