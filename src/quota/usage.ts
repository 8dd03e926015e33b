import { businessDay } from '../platform/time';
import type { GrantSource, LotChange, Posting } from './account';

/** What quota was used for, added up row by row. Pure. */

/** What usage is grouped by. */
export type UsageGroup = 'DAY' | 'TASK_TYPE' | 'SOURCE';

/** Units of one day, task type or source. */
export interface Usage {
  readonly key: string;
  /** Taken for good. */
  readonly consumed: number;
  /** Of what was taken for good, then or earlier: what came back. */
  readonly returned: number;
}

/** The rows that use quota, and those that give it back. */
export type UsageRow = Pick<
  Posting,
  'type' | 'lots' | 'units' | 'amount' | 'taskType' | 'createTime' | 'consumeSequence'
>;

/** Most groups that are told apart. */
const GROUPS_MAX = 1_000;

const MS_PER_HOUR = 3_600_000;

/** Adds up rows of a log. What is set aside counts when it is captured; what is released never counted. */
export class UsageTally {
  private readonly groups = new Map<string, { consumed: number; returned: number }>();
  private hour = { of: -1, day: '' };

  constructor(private readonly group: UsageGroup) {}

  /**
   * Adds a CONSUME, CAPTURE or REFUND. By source it is told what each lot gave, and which source a lot is of; for a CAPTURE
   * with the row of its hold, which alone knows what was set aside.
   */
  add(row: UsageRow, sourceOf: (grantId: number) => GrantSource, holdLots: readonly LotChange[] = []): void {
    if (this.group !== 'SOURCE') {
      const key = this.group === 'DAY' ? this.dayOf(row.createTime) : row.taskType;
      return this.count(key, row.type, row.units);
    }
    for (const [grantId, units] of movedLots(row, holdLots)) {
      // Of a lot whose units all came back with the capture, nothing was used.
      if (units > 0) this.count(sourceOf(grantId), row.type, units);
    }
  }

  /** What there is: days in order, the others by what was consumed; beyond the first so many, in one. */
  result(): { readonly rows: readonly Usage[]; readonly others: Usage | undefined } {
    const all = [...this.groups].map(([key, { consumed, returned }]): Usage => ({ key, consumed, returned }));
    all.sort(
      (one, other) => (this.group === 'DAY' ? 0 : other.consumed - one.consumed) || (one.key < other.key ? -1 : 1),
    );
    const rest = all.slice(GROUPS_MAX);
    const sum = (units: (usage: Usage) => number): number => rest.reduce((total, usage) => total + units(usage), 0);
    const others = { key: '', consumed: sum(({ consumed }) => consumed), returned: sum(({ returned }) => returned) };
    return { rows: all.slice(0, GROUPS_MAX), others: rest.length === 0 ? undefined : others };
  }

  private count(key: string, type: Posting['type'], units: number): void {
    const group = this.groups.get(key) ?? { consumed: 0, returned: 0 };
    group[type === 'REFUND' ? 'returned' : 'consumed'] += units;
    this.groups.set(key, group);
  }

  /** The days of Shanghai begin with full hours, so that one look at the calendar serves for an hour. */
  private dayOf(time: Date): string {
    const of = Math.floor(time.getTime() / MS_PER_HOUR);
    if (of !== this.hour.of) this.hour = { of, day: businessDay(time) };
    return this.hour.day;
  }
}

/** The units of each lot that a row is about: a capture took what its hold set aside, less what it gives back. */
function movedLots({ type, lots }: UsageRow, holdLots: readonly LotChange[]): readonly LotChange[] {
  if (type !== 'CAPTURE') return lots.map(([grantId, change]) => [grantId, Math.abs(change)]);
  const back = new Map(lots);
  return holdLots.map(([grantId, change]) => [grantId, -change - (back.get(grantId) ?? 0)]);
}
