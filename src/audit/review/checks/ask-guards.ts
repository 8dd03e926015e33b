import type { ReviewReader } from '../check';

/** What a review may call, to see what an account that only reads is not shown (migrations 0053 and 0054). */
export type ReviewProcedure =
  'review_columns' | 'review_keys' | 'review_triggers' | 'review_checks' | 'review_privileges' | 'review_unsealed';

/** The rows of the one SELECT of a procedure. */
export async function callProcedure<Row extends object>(
  db: ReviewReader,
  name: ReviewProcedure,
): Promise<readonly Row[]> {
  const [rows] = (await db.rows(`CALL ${name}()`)) as unknown as readonly [readonly Row[]];
  return rows;
}

/**
 * Servers show columns only to accounts that may read them, triggers and CHECKs only to those that could change them. Where the procedure that shows them can not be
 * called, because a copy was restored without its accounts, the account asks for what it may see itself; what it is not shown is missing, and is found as missing.
 */
export async function askGuards<Row extends object>(
  db: ReviewReader,
  name: ReviewProcedure,
  own: string,
): Promise<readonly Row[]> {
  try {
    return await callProcedure<Row>(db, name);
  } catch {
    return db.rows<Row>(own);
  }
}

/** Whether the server is MariaDB, or MySQL. */
export async function isMariaDatabase(db: ReviewReader): Promise<boolean> {
  const [row] = await db.rows<{ version: string }>('SELECT VERSION() AS version');
  return row?.version.includes('MariaDB') === true;
}
