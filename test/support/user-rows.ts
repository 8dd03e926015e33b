import type { Row, TestDatabase } from './database';

/** Tables that hold rows of users, with the condition that picks one user's. */
const ROWS_OF_USER: Readonly<Record<string, string>> = {
  users: 'id = ?',
  orders: 'user_id = ?',
  payments: 'user_id = ?',
  quota_grants: 'user_id = ?',
  quota_logs: 'user_id = ?',
  membership_periods: 'user_id = ?',
  request_keys: "owner = CONCAT('user:', ?)",
  audit_logs: 'user_id = ?',
  outbox: 'user_id = ?',
};

/** Everything the database holds about a user, by table: equal before and after means that nothing happened. */
export async function readUserRows(db: TestDatabase, userId: string): Promise<Record<string, readonly Row[]>> {
  const rows: Record<string, readonly Row[]> = {};
  for (const [table, condition] of Object.entries(ROWS_OF_USER)) {
    rows[table] = await db.query(`SELECT * FROM ${table} WHERE ${condition} ORDER BY 1, 2`, [userId]);
  }
  return rows;
}

/** How many rows each table of the database has: for calls that name no user, or a wrong one. */
export async function countAllRows(db: TestDatabase): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of [...Object.keys(ROWS_OF_USER), 'wechatpay_notifications', 'plans', 'plan_prices']) {
    const [row] = await db.query(`SELECT COUNT(*) AS n FROM ${table}`);
    counts[table] = Number(row?.['n']);
  }
  return counts;
}

/** The log of a user as the database holds it, oldest first. */
export function readLogRows(db: TestDatabase, userId: string): Promise<Row[]> {
  return db.query('SELECT * FROM quota_logs WHERE user_id = ? ORDER BY sequence', [userId]);
}

/**
 * Checks what must hold for a user after every transaction (design of the ledger): balance = Σ lots = Σ logs ≥ 0, and
 * what was granted is what remains, was consumed and not returned, or expired. Returns the balance.
 */
export async function expectBalanced(db: TestDatabase, userId: string): Promise<number> {
  const [user] = await db.query('SELECT quota_remaining, log_sequence FROM users WHERE id = ?', [userId]);
  const lots = await db.query('SELECT remaining FROM quota_grants WHERE user_id = ?', [userId]);
  const logs = await readLogRows(db, userId);
  const balance = Number(user?.['quota_remaining']);
  const unitsOf = (type: string): number => sum(logs.filter((log) => log['type'] === type).map((log) => log['units']));
  expect(balance).toBeGreaterThanOrEqual(0);
  expect(sum(lots.map((lot) => lot['remaining']))).toBe(balance);
  expect(sum(logs.map((log) => log['amount']))).toBe(balance);
  expect(logs.map((log) => log['sequence'])).toEqual(logs.map((_, i) => i + 1));
  expect(user?.['log_sequence']).toBe(logs.length);
  expect(unitsOf('GRANT')).toBe(balance + unitsOf('CONSUME') - unitsOf('REFUND') + unitsOf('EXPIRE'));
  return balance;
}

function sum(values: readonly unknown[]): number {
  return values.reduce<number>((total, value) => total + Number(value), 0);
}
