import type { Knex } from 'knex';
import type { Scope } from './scope';

/** As many rows of a user's log lead to its head, which then proves them; of a user who goes on for longer they would fit into no archive. */
export const ROWS_TO_HEAD_MAX = 50_000;

/** Rows that one statement looks through: no index finds those that took from a lot. */
const WINDOW = 20_000;

/**
 * Where the log of a subject ends: at its head, or, where that is far from the first row that matters, at the last that does. Of a
 * whole user every row matters.
 */
export async function segmentEnd(
  reader: Knex,
  scope: Scope,
  { from, head }: { readonly from: number; readonly head: number },
  rowsMax: number,
): Promise<number> {
  if (scope.isWholeUser || head - from < rowsMax) return head;
  for (let to = head; to > from; to -= WINDOW) {
    const last = await lastMattering(reader, scope, Math.max(from, to - WINDOW), to);
    if (last !== undefined) return last;
  }
  return from;
}

/** The last of some rows that settled a charge of the subject, or took from, or put back into, a lot of its order; undefined: none did. */
async function lastMattering(
  reader: Knex,
  { userId, ids }: Scope,
  after: number,
  to: number,
): Promise<number | undefined> {
  const sequences = ids.sequence.map(Number);
  const marks = sequences.map(() => '?').join(', ');
  const matters = [`sequence IN (${marks})`, `consume_sequence IN (${marks})`];
  const values: (number | string)[] = [...sequences, ...sequences];
  if (ids.order.length > 0) {
    matters.push('lots REGEXP ?');
    // Lots are pairs of a number and units: what a comma follows is the number of a lot.
    values.push(`[^0-9](${sequences.join('|')}),`);
  }
  const [row] = await reader('quota_logs')
    .where('user_id', userId)
    .where('sequence', '>', after)
    .where('sequence', '<=', to)
    .whereRaw(`(${matters.join(' OR ')})`, values)
    .max<{ last: number | null }[]>('sequence as last');
  return row?.last ?? undefined;
}
