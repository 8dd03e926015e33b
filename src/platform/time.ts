import { Temporal } from 'temporal-polyfill';

/**
 * Calendar arithmetic of the business: instants are UTC, days and months are Asia/Shanghai. The only file that knows
 * the business time zone. Intervals are half-open: [start, end).
 */
export const BUSINESS_TIME_ZONE = 'Asia/Shanghai';

export const MS_PER_MINUTE = 60_000;
export const MS_PER_DAY = 86_400_000;

/** A unit in which periods are sold, and in which their units are given. */
export type PeriodUnit = 'day' | 'month' | 'quarter' | 'year';

/** What the calendar counts in. Only periods of one base unit can follow each other along one anchor. */
export type BaseUnit = 'day' | 'month';

const IN_BASE: Readonly<Record<PeriodUnit, { readonly base: BaseUnit; readonly count: number }>> = {
  day: { base: 'day', count: 1 },
  month: { base: 'month', count: 1 },
  quarter: { base: 'month', count: 3 },
  year: { base: 'month', count: 12 },
};

/** The unit that a unit is made of: months, but for days. */
export function baseOf(unit: PeriodUnit): BaseUnit {
  return IN_BASE[unit].base;
}

/** How many base units a number of units is: 2 quarters are 6 months. */
export function inBaseUnits(unit: PeriodUnit, count: number): number {
  return IN_BASE[unit].count * count;
}

/**
 * The instant `count` units after an anchor, at the anchor's time of day in Shanghai. Months, quarters (3 months) and years
 * (12 months) keep the anchor's day: 31 Jan + 1 month = 28 or 29 Feb, 31 Jan + 2 months = 31 Mar, 29 Feb + 1 year = 28 Feb.
 * Always count from the anchor, never from the last result: chaining would lose the 31st for ever.
 */
export function addPeriods(anchor: Date, unit: PeriodUnit, count: number): Date {
  const local = Temporal.Instant.fromEpochMilliseconds(anchor.getTime()).toZonedDateTimeISO(BUSINESS_TIME_ZONE);
  const counted = inBaseUnits(unit, count);
  const moved = local.add(baseOf(unit) === 'month' ? { months: counted } : { days: counted }, {
    overflow: 'constrain',
  });
  return fromEpochMs(moved.epochMilliseconds);
}

/** The business day that an instant is on, as `2026-01-31`: from midnight to midnight in Shanghai. */
export function businessDay(instant: Date): string {
  const local = Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(BUSINESS_TIME_ZONE);
  return local.toPlainDate().toString();
}

/**
 * The last business day whose time of day has come at an instant, as `2026-01-31`: the day itself from `hour:minute` in
 * Shanghai on, the day before until then.
 */
export function latestSlot(
  instant: Date,
  { hour, minute }: { readonly hour: number; readonly minute: number },
): string {
  return businessDay(addMs(instant, -(hour * 60 + minute) * MS_PER_MINUTE));
}

/**
 * The last hour whose minute has come at an instant, as `2026-01-31T14` in Shanghai: the hour itself from that minute on, the
 * one before until then.
 */
export function latestHour(instant: Date, minute: number): string {
  const moved = addMs(instant, -minute * MS_PER_MINUTE);
  const local = Temporal.Instant.fromEpochMilliseconds(moved.getTime()).toZonedDateTimeISO(BUSINESS_TIME_ZONE);
  return `${local.toPlainDate().toString()}T${String(local.hour).padStart(2, '0')}`;
}

/** The instant of a full hour in Shanghai, on the business day that is so many days after that of an instant (before, if less than 0). */
export function atBusinessHour(instant: Date, days: number, hour: number): Date {
  const local = Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(BUSINESS_TIME_ZONE);
  const moved = local.startOfDay().add({ days }).with({ hour });
  return fromEpochMs(moved.epochMilliseconds);
}

/** An instant as people in Shanghai write it, `2026-01-31 10:00`; of text that is no instant, the text. */
export function businessTime(instant: string): string {
  const epochMs = Date.parse(instant);
  if (Number.isNaN(epochMs)) return instant;
  const local = Temporal.Instant.fromEpochMilliseconds(epochMs).toZonedDateTimeISO(BUSINESS_TIME_ZONE);
  return `${local.toPlainDate().toString()} ${local.toPlainTime().toString({ smallestUnit: 'minute' })}`;
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
