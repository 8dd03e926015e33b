import { addMs } from '../platform/time';

/** Where periods lie to each other. Pure. What they let somebody use is said in entitlements.ts. */
interface Lying {
  readonly startTime: Date;
  readonly endTime: Date;
}

/** Until when somebody stays a member without a break: a refund may have left a gap before the next period. */
export function endWithoutGap(first: Lying, periods: readonly Lying[]): Date {
  const ends = new Map(periods.map((period) => [period.startTime.getTime(), period.endTime]));
  let end = first.endTime;
  for (let next = ends.get(end.getTime()); next !== undefined; next = ends.get(end.getTime())) end = next;
  return end;
}

/** When the first of these that is not over ends, with those that follow it without a gap; null: all are over. In order. */
export function endOfStanding(counting: readonly Lying[], now: Date): Date | null {
  const standing = counting.filter(({ endTime }) => endTime.getTime() > now.getTime());
  const [first] = standing;
  return first === undefined ? null : endWithoutGap(first, standing);
}

/** Whether a membership ends at an instant: it stood until then, and nothing follows without a gap. */
export function endsAt(instant: Date, counting: readonly Lying[]): boolean {
  return endOfStanding(counting, addMs(instant, -1))?.getTime() === instant.getTime();
}
