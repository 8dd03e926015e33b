import { addPeriods, baseOf, inBaseUnits, type PeriodUnit } from '../platform/time';

/**
 * The one owner of period boundaries. A period is [start, end). Periods bought while one is running follow it without a
 * gap and keep its anchor, so that 31 Jan leads to 28 Feb and then to 31 Mar. A chain counts in base units: a quarter may
 * follow a month, and a month a year, but days follow months from an anchor of their own.
 */

/** Where a period lies. */
export interface PeriodBounds {
  readonly startTime: Date;
  readonly endTime: Date;
  /** The instant its chain of periods began; its day of month and time of day rule every boundary. */
  readonly anchorTime: Date;
  /** Base units from the anchor to the start. */
  readonly anchorOffset: number;
}

/** The running chain that a new period may follow: its last period. */
export interface LastPeriod extends PeriodBounds {
  readonly periodUnit: PeriodUnit;
}

/** The period that a purchase applied at `now` gives. */
export function nextPeriod(last: LastPeriod | undefined, unit: PeriodUnit, count: number, now: Date): PeriodBounds {
  if (last === undefined || last.endTime.getTime() <= now.getTime()) {
    return { startTime: now, endTime: addPeriods(now, unit, count), anchorTime: now, anchorOffset: 0 };
  }
  const anchorOffset = baseOf(last.periodUnit) === baseOf(unit) ? offsetOfEnd(last) : undefined;
  if (anchorOffset === undefined) {
    const startTime = last.endTime;
    return { startTime, endTime: addPeriods(startTime, unit, count), anchorTime: startTime, anchorOffset: 0 };
  }
  const { anchorTime } = last;
  return {
    startTime: last.endTime,
    endTime: addPeriods(anchorTime, baseOf(unit), anchorOffset + inBaseUnits(unit, count)),
    anchorTime,
    anchorOffset,
  };
}

/** How many base units after its anchor a period ends; undefined when its end was moved off the chain's boundaries. */
function offsetOfEnd(period: LastPeriod): number | undefined {
  const { anchorTime, anchorOffset, periodUnit, endTime } = period;
  for (let offset = anchorOffset + 1; ; offset += 1) {
    const boundary = addPeriods(anchorTime, baseOf(periodUnit), offset).getTime();
    if (boundary === endTime.getTime()) return offset;
    if (boundary > endTime.getTime()) return undefined;
  }
}
