/**
 * The calendar of the simulation's oracle, over plain years, months and days: nothing of it comes from src, nor from a library
 * of dates, so that it can disagree. Instants are milliseconds since 1970 in UTC; Shanghai is 8 hours ahead, without summer time
 * since 1991.
 */

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const AHEAD = 8 * HOUR;

/** A day of the calendar, and the milliseconds since its midnight. */
export interface Civil {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly ofDay: number;
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** How many days a month has. */
export function daysOf(year: number, month: number): number {
  return month === 2 && isLeap(year) ? 29 : (MONTH_DAYS[month - 1] ?? 0);
}

/** Days before the first of January of a year, counted from 1970. */
function daysBeforeYear(year: number): number {
  const before = year - 1;
  const leaps = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  // 477 leap days lie before 1970.
  return (year - 1970) * 365 + leaps - 477;
}

/** The instant of a time in Shanghai. */
export function instantOf({ year, month, day, ofDay }: Civil): number {
  let days = daysBeforeYear(year) + day - 1;
  for (let earlier = 1; earlier < month; earlier += 1) days += daysOf(year, earlier);
  return days * DAY + ofDay - AHEAD;
}

/** The time in Shanghai at an instant. */
export function civilOf(instant: number): Civil {
  const local = instant + AHEAD;
  const days = Math.floor(local / DAY);
  let year = 1970 + Math.floor(days / 366);
  while (daysBeforeYear(year + 1) <= days) year += 1;
  let left = days - daysBeforeYear(year);
  let month = 1;
  while (left >= daysOf(year, month)) {
    left -= daysOf(year, month);
    month += 1;
  }
  return { year, month, day: left + 1, ofDay: local - days * DAY };
}

/** Milliseconds since midnight in Shanghai. */
export function timeOfDay(instant: number): number {
  return civilOf(instant).ofDay;
}

/** What periods are counted in. */
export type Base = 'day' | 'month';

/** The instant so many days or months after an anchor; a day that a month does not have is its last one. */
export function after(anchor: number, base: Base, count: number): number {
  if (base === 'day') return anchor + count * DAY;
  const { year, month, day, ofDay } = civilOf(anchor);
  const months = year * 12 + (month - 1) + count;
  const target = { year: Math.floor(months / 12), month: (months % 12) + 1 };
  return instantOf({ ...target, day: Math.min(day, daysOf(target.year, target.month)), ofDay });
}

/** The instant of a text such as `2027-01-31` or `2027-01-31 23:59:59.999`, in Shanghai. */
export function shanghai(text: string): number {
  const parts = /^(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d)(?::(\d\d)(?:\.(\d{3}))?)?)?$/.exec(text);
  if (parts === null) throw new Error(`not a time: ${text}`);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0] = parts
    .slice(1)
    .map((digits: string | undefined) => Number(digits ?? 0));
  return instantOf({ year, month, day, ofDay: hour * HOUR + minute * MINUTE + second * 1000 + ms });
}

/** An instant as a text in Shanghai, as `shanghai` reads it, to the millisecond. */
export function inShanghai(instant: number): string {
  const { year, month, day, ofDay } = civilOf(instant);
  const pad = (value: number, width = 2): string => String(value).padStart(width, '0');
  const [hour, minute, second] = [Math.floor(ofDay / HOUR), Math.floor(ofDay / MINUTE) % 60, Math.floor(ofDay / 1000)];
  const time = `${pad(hour)}:${pad(minute)}:${pad(second % 60)}.${pad(ofDay % 1000, 3)}`;
  return `${year}-${pad(month)}-${pad(day)} ${time}`;
}
