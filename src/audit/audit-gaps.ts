/**
 * Ids of the audit log that the sealer has passed although nothing was there yet: whoever drew such a number has not
 * committed, or never will. They are looked for again until nobody can commit them any more. Pure.
 */

/** The ids from `from` to `to`, both among them, and when they were passed, in milliseconds of the database's clock. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly sinceMs: number;
}

/**
 * How long a gap stays open. Transactions end after TRANSACTION_TIMEOUT_MS, which is seconds; the rest is for a process that
 * was suspended between its last statement and COMMIT.
 */
export const GAP_OPEN_MS = 3_600_000;

/** More than this many are not remembered one by one: the nearest are joined, with the sealed ids between them. */
const GAPS_MAX = 200;

/** The gaps that numbers leave which were read in growing order, after the number that was reached before. */
export function gapsBetween(reachedId: number, ids: readonly number[], nowMs: number): readonly Gap[] {
  const gaps: Gap[] = [];
  let last = reachedId;
  for (const id of ids) {
    if (id > last + 1) gaps.push({ from: last + 1, to: id - 1, sinceMs: nowMs });
    last = id;
  }
  return gaps;
}

/** A gap without the numbers, in growing order, that turned up in it. */
function without(gap: Gap, found: readonly number[]): readonly Gap[] {
  const inside = found.filter((id) => id >= gap.from && id <= gap.to);
  return gapsBetween(gap.from - 1, [...inside, gap.to + 1], gap.sinceMs);
}

/** What is known of gaps after a look. */
export interface Look {
  /** The gaps before, in growing order. */
  readonly gaps: readonly Gap[];
  /** Numbers that turned up in them, in growing order. */
  readonly found: readonly number[];
  /** New gaps, all above. */
  readonly opened: readonly Gap[];
  /** Nobody is waited for at or below this number. */
  readonly bornId: number;
  readonly nowMs: number;
}

/** The gaps that are open after a look: in growing order, apart from each other, at most `most`. */
export function gapsAfter({ gaps, found, opened, bornId, nowMs }: Look, most = GAPS_MAX): readonly Gap[] {
  const open = [...gaps.flatMap((gap) => without(gap, found)), ...opened]
    .filter(({ to, sinceMs }) => to > bornId && nowMs - sinceMs < GAP_OPEN_MS)
    .map((gap) => ({ ...gap, from: Math.max(gap.from, bornId + 1) }));
  return joinNearest(open, most);
}

/** Joins neighbours, the nearest first, until there are few enough. A joined gap is as young as the younger of the two. */
function joinNearest(gaps: readonly Gap[], most: number): readonly Gap[] {
  if (gaps.length <= most) return gaps;
  const distances = gaps.slice(1).map((gap, i) => gap.from - (gaps[i]?.to ?? 0));
  const joins = new Set(
    distances
      .map((distance, i) => ({ distance, i }))
      .sort((a, b) => a.distance - b.distance || a.i - b.i)
      .slice(0, gaps.length - most)
      .map(({ i }) => i + 1),
  );
  const joined: Gap[] = [];
  for (const [i, gap] of gaps.entries()) {
    const before = joined.at(-1);
    if (before === undefined || !joins.has(i)) joined.push(gap);
    else joined[joined.length - 1] = joinOf(before, gap);
  }
  return joined;
}

function joinOf(before: Gap, after: Gap): Gap {
  return { from: before.from, to: after.to, sinceMs: Math.max(before.sinceMs, after.sinceMs) };
}

/** Gaps as they are stored. */
export function gapsText(gaps: readonly Gap[]): string {
  return JSON.stringify(gaps.map(({ from, to, sinceMs }) => [from, to, sinceMs]));
}

/** Gaps as they were stored. */
export function gapsOf(text: string): readonly Gap[] {
  const stored = JSON.parse(text) as (readonly [number, number, number])[];
  return stored.map(([from, to, sinceMs]) => ({ from, to, sinceMs }));
}
