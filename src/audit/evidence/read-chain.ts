import type { Knex } from 'knex';
import { readWhere, type Row } from './read-rows';

/** A user's log from one row to another, and what stands before it: as much as it takes to compute every hash again. */
export interface ChainSegment {
  readonly fromSequence: number;
  /** The hash and the balance that the first row follows on. */
  readonly previousHash: Buffer;
  readonly balanceBefore: number;
}

const PAGE_SIZE = 2_000;
const RULE = { table: 'quota_logs', key: ['sequence'] };

/** What stands before a row of a user's log. */
async function readBefore(reader: Knex, userId: string, sequence: number): Promise<Row | undefined> {
  const rows = await readWhere(reader, RULE, { sql: 'user_id = ? AND sequence = ?', values: [userId, sequence - 1] });
  return rows[0];
}

/** Reads a user's log from a row to another, a page at a time. Returns what it begins with. */
export async function readSegment(
  reader: Knex,
  userId: string,
  { fromSequence, toSequence }: { readonly fromSequence: number; readonly toSequence: number },
  onRow: (row: Row) => void,
): Promise<ChainSegment> {
  const before = await readBefore(reader, userId, fromSequence);
  for (let at = fromSequence - 1; at < toSequence; at += PAGE_SIZE) {
    const page = await readWhere(reader, RULE, {
      sql: 'user_id = ? AND sequence > ? AND sequence <= ?',
      values: [userId, at, Math.min(at + PAGE_SIZE, toSequence)],
    });
    page.forEach(onRow);
  }
  return {
    fromSequence,
    previousHash: (before?.['hash'] as Buffer | undefined) ?? Buffer.alloc(32),
    balanceBefore: Number(before?.['quota_remaining'] ?? 0),
  };
}
