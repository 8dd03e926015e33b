import { toPosting, verifyChain, type QuotaLogRow } from '../../src/quota';
import type { Row, TestDatabase } from './database';

function inCamelCase(row: Row): Row {
  const rename = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [rename(name), value]));
}

/** A row of the log, as the database gives it, as a posting. */
export function postingOf(row: Row) {
  return toPosting(inCamelCase(row) as unknown as QuotaLogRow);
}

/** A user's log, proved: the chain verifies, and balance, open lots and the sum of the log agree. Returns its rows. */
export async function provenLog(db: TestDatabase, userId: string): Promise<readonly Row[]> {
  const rows = await db.query('SELECT * FROM quota_logs WHERE user_id = ? ORDER BY sequence', [userId]);
  const balance = rows.reduce((sum, row) => sum + Number(row['amount']), 0);
  const postings = rows.map(postingOf);
  expect(verifyChain(postings)).toMatchObject({ sequence: rows.length, balance });
  const [user] = await db.query('SELECT quota_remaining FROM users WHERE id = ?', [userId]);
  expect(user).toEqual({ quota_remaining: balance });
  const [lots] = await db.query('SELECT SUM(remaining) AS open FROM quota_grants WHERE user_id = ?', [userId]);
  expect(Number(lots?.['open'])).toBe(balance);
  return rows;
}
