import type { Knex } from 'knex';
import { readWhere, type Row } from './read-rows';

/** A user's log from one row to its end, and what stands before it: as much as it takes to compute every hash again. */
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

/** Reads a user's log from a row on, a page at a time. Returns what it begins with. */
export async function readSegment(
  reader: Knex,
  userId: string,
  fromSequence: number,
  onRow: (row: Row) => void,
): Promise<ChainSegment> {
  const before = await readBefore(reader, userId, fromSequence);
  let at = fromSequence - 1;
  for (;;) {
    const page = await readWhere(reader, RULE, {
      sql: 'user_id = ? AND sequence > ? AND sequence <= ?',
      values: [userId, at, at + PAGE_SIZE],
    });
    page.forEach(onRow);
    if (page.length === 0) break;
    at += PAGE_SIZE;
  }
  return {
    fromSequence,
    previousHash: (before?.['hash'] as Buffer | undefined) ?? Buffer.alloc(32),
    balanceBefore: Number(before?.['quota_remaining'] ?? 0),
  };
}
