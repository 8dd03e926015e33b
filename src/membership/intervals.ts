import assert from 'node:assert';
import { addPeriods, baseOf, inBaseUnits, type PeriodUnit } from '../platform/time';
import type { PeriodBounds } from './period';

/**
 * How a period gives its units: in intervals of equal calendar length, a part at the start of each. Pure. Interval k of n,
 * counted from 1, is [boundary k-1, boundary k), cut like the periods themselves from the anchor.
 */

/** What is sold: how long, and how often it gives. Without an interval the whole period is one. */
export interface GrantTerms {
  readonly periodUnit: PeriodUnit;
  readonly periodCount: number;
  readonly grantUnit: PeriodUnit | null;
  readonly grantCount: number | null;
}

/** How many intervals a period has. The catalogue sells only what divides exactly. */
export function intervalsIn({ periodUnit, periodCount, grantUnit, grantCount }: GrantTerms): number {
  if (grantUnit === null || grantCount === null) return 1;
  const intervals = inBaseUnits(periodUnit, periodCount) / inBaseUnits(grantUnit, grantCount);
  const divides = baseOf(periodUnit) === baseOf(grantUnit) && Number.isInteger(intervals) && intervals >= 1;
  assert(divides, `${grantCount} ${grantUnit} do not divide ${periodCount} ${periodUnit}`);
  return intervals;
}

/** A period, as far as it says what it gives and what it gave. */
export interface GivingPeriod extends PeriodBounds {
  readonly quotaUnits: number;
  readonly grantUnit: PeriodUnit | null;
  readonly grantCount: number | null;
  readonly intervals: number;
  readonly grantedIntervals: number;
  readonly nextGrantTime: Date | null;
  readonly revokeTime: Date | null;
  readonly replacedByOrderId: string | null;
  /** Units that end as they are given, the first ones first. */
  readonly revokeUnits: number;
}

/** The units of an interval: equal parts, the first ones one larger where they do not divide. They sum to the whole. */
function unitsOfInterval({ quotaUnits, intervals }: GivingPeriod, interval: number): number {
  return Math.floor(quotaUnits / intervals) + (interval <= quotaUnits % intervals ? 1 : 0);
}

/** The units of all intervals before one. */
function unitsBefore({ quotaUnits, intervals }: GivingPeriod, interval: number): number {
  const before = interval - 1;
  return Math.floor(quotaUnits / intervals) * before + Math.min(before, quotaUnits % intervals);
}

/** How many units of an interval end as they are given: `revokeUnits` are taken of the first units that the period gives. */
function endedOfInterval(period: GivingPeriod, interval: number): number {
  const left = period.revokeUnits - unitsBefore(period, interval);
  return Math.max(0, Math.min(left, unitsOfInterval(period, interval)));
}

/** When the intervals before it are over: boundary 0 is the start of the period. */
function boundary(period: GivingPeriod, intervalsBefore: number): Date {
  const { anchorTime, anchorOffset, startTime, endTime, grantUnit, grantCount } = period;
  if (intervalsBefore === 0) return startTime;
  // The only interval ends with the period, wherever a refund put that.
  if (grantUnit === null || grantCount === null) return endTime;
  const offset = anchorOffset + intervalsBefore * inBaseUnits(grantUnit, grantCount);
  return addPeriods(anchorTime, baseOf(grantUnit), offset);
}

/** When the interval after so many is given; null: there is none, or it would start when the period has ended. */
export function grantTimeAfter(period: GivingPeriod, intervalsGiven: number): Date | null {
  if (period.quotaUnits === 0 || intervalsGiven >= period.intervals) return null;
  const time = boundary(period, intervalsGiven);
  return time.getTime() < period.endTime.getTime() ? time : null;
}

/** The part of one interval. */
export interface IntervalPart {
  /** From 1. */
  readonly interval: number;
  readonly units: number;
  /** Of the units, those that end as they are given. */
  readonly ended: number;
  /** When its interval ends, or the period if that is sooner. May have passed: a part that was missed is given late. */
  readonly expireTime: Date;
}

function partOf(period: GivingPeriod, interval: number): IntervalPart {
  const over = boundary(period, interval);
  const expireTime = over.getTime() < period.endTime.getTime() ? over : period.endTime;
  return {
    interval,
    units: unitsOfInterval(period, interval),
    ended: endedOfInterval(period, interval),
    expireTime,
  };
}

/** What is due of a period at an instant, and how that leaves it. Nothing while it is paused, or once it was revoked. */
export function dueParts(
  period: GivingPeriod,
  now: Date,
): { readonly parts: readonly IntervalPart[]; readonly grantedIntervals: number; readonly nextGrantTime: Date | null } {
  const parts: IntervalPart[] = [];
  let { grantedIntervals, nextGrantTime } = period;
  while (nextGrantTime !== null && nextGrantTime.getTime() <= now.getTime()) {
    grantedIntervals += 1;
    parts.push(partOf(period, grantedIntervals));
    nextGrantTime = grantTimeAfter(period, grantedIntervals);
  }
  return { parts, grantedIntervals, nextGrantTime };
}

/** Units that a period of several intervals has yet to give, less those that end as they are given. 0 once it gives no more. */
function unitsOfLaterIntervals(period: GivingPeriod): number {
  let units = 0;
  for (let given = period.grantedIntervals; grantTimeAfter(period, given) !== null; given += 1) {
    units += unitsOfInterval(period, given + 1) - endedOfInterval(period, given + 1);
  }
  return units;
}

/**
 * Units that a period has yet to give, due or not, less those that end as they are given; paused ones count too, but for a
 * period of one interval: whether that gave is for its lots to say.
 */
export function unitsNotGiven(period: GivingPeriod): number {
  if (period.revokeTime !== null || period.replacedByOrderId !== null) return 0;
  if (period.intervals > 1) return unitsOfLaterIntervals(period);
  return period.nextGrantTime === null ? 0 : period.quotaUnits - period.revokeUnits;
}
