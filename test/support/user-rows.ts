import type { Row, TestDatabase } from './database';

/**
 * Tables that hold rows of users, with the condition that picks one user's. Without request_refusals: a refusal is noted
 * there on purpose, and off the transaction.
 */
const ROWS_OF_USER: Readonly<Record<string, string>> = {
  users: 'id = :user',
  orders: 'user_id = :user',
  order_credits: 'user_id = :user',
  payments: 'user_id = :user',
  refunds: 'user_id = :user',
  quota_grants: 'user_id = :user',
  quota_logs: 'user_id = :user',
  quota_charges: 'user_id = :user',
  quota_task_outcomes: 'user_id = :user',
  settlement_cases: 'user_id = :user',
  membership_periods: 'user_id = :user',
  membership_notices: 'user_id = :user',
  user_identities: 'user_id = :user',
  granted_identities: 'user_id = :user',
  user_coupons: 'user_id = :user',
  request_keys: "owner = CONCAT('user:', :user)",
  audit_logs: 'user_id = :user',
  // An event of several users names them in its payload.
  outbox: `user_id = :user OR (user_id IS NULL AND payload LIKE CONCAT('%["', :user, '"%'))`,
};

/** Everything the database holds about a user, by table: equal before and after means that nothing happened. */
export async function readUserRows(db: TestDatabase, userId: string): Promise<Record<string, readonly Row[]>> {
  const rows: Record<string, readonly Row[]> = {};
  for (const [table, condition] of Object.entries(ROWS_OF_USER)) {
    const where = condition.replaceAll(':user', '?');
    const values = condition
      .split(':user')
      .slice(1)
      .map(() => userId);
    // Events are put into batches at any time, whatever a test is about.
    const columns = table === 'outbox' ? 'id, type, user_id, payload, create_time' : '*';
    rows[table] = await db.query(`SELECT ${columns} FROM ${table} WHERE ${where} ORDER BY 1, 2, 3`, values);
  }
  return rows;
}

/** How many rows each table of the database has: for calls that name no user, or a wrong one. */
export async function countAllRows(db: TestDatabase): Promise<Record<string, number>> {
  const tables = [...Object.keys(ROWS_OF_USER), 'wechatpay_notifications', 'plans', 'plan_prices'];
  const counts = tables.map((table) => `SELECT '${table}' AS name, COUNT(*) AS n FROM ${table}`);
  const rows = await db.query(counts.join(' UNION ALL '));
  return Object.fromEntries(rows.map(({ name, n }) => [String(name), Number(n)]));
}

/** The log of a user as the database holds it, oldest first. */
export function readLogRows(db: TestDatabase, userId: string): Promise<Row[]> {
  return db.query('SELECT * FROM quota_logs WHERE user_id = ? ORDER BY sequence', [userId]);
}

/** The log of a user as words: `origin TYPE signed amount`, oldest first. */
export async function readLogWords(db: TestDatabase, userId: string): Promise<string[]> {
  return (await readLogRows(db, userId)).map((row) => [row['origin'], row['type'], row['amount']].join(' '));
}

/** The charges of a user as words: `sequence kind state returned/units`, oldest first. */
export async function readChargeWords(db: TestDatabase, userId: string): Promise<string[]> {
  const sql = 'SELECT * FROM quota_charges WHERE user_id = ? ORDER BY sequence';
  const rows = await db.query(sql, [userId]);
  return rows.map(({ sequence, kind, state, returned, units }) =>
    [sequence, kind, state, `${Number(returned)}/${Number(units)}`].join(' '),
  );
}

/**
 * Checks what must hold for a user after every transaction (design of the ledger): balance = Σ lots = Σ logs ≥ 0; what was
 * granted is what remains, is held, was consumed, expired or was revoked; a lot holds what open holds set aside; every
 * CONSUME and HOLD has the charge that the log tells of. Returns the balance.
 */
export async function expectBalanced(db: TestDatabase, userId: string): Promise<number> {
  const [user] = await db.query('SELECT quota_remaining, log_sequence FROM users WHERE id = ?', [userId]);
  const lots = await db.query('SELECT remaining, held FROM quota_grants WHERE user_id = ?', [userId]);
  const logs = await readLogRows(db, userId);
  const balance = Number(user?.['quota_remaining']);
  const unitsOf = (type: string): number => sum(logs.filter((log) => log['type'] === type).map((log) => log['units']));
  const freedByCaptures = sum(logs.filter((log) => log['type'] === 'CAPTURE').map((log) => log['amount']));
  const held = unitsOf('HOLD') - unitsOf('RELEASE') - unitsOf('CAPTURE') - freedByCaptures;
  const consumed = unitsOf('CONSUME') + unitsOf('CAPTURE') - unitsOf('REFUND');
  expect(balance).toBeGreaterThanOrEqual(0);
  expect(sum(lots.map((lot) => lot['remaining']))).toBe(balance);
  expect(sum(lots.map((lot) => lot['held']))).toBe(held);
  expect(sum(logs.map((log) => log['amount']))).toBe(balance);
  expect(logs.map((log) => log['sequence'])).toEqual(logs.map((_, i) => i + 1));
  expect(user?.['log_sequence']).toBe(logs.length);
  expect(unitsOf('GRANT')).toBe(balance + held + consumed + unitsOf('EXPIRE') + unitsOf('REVOKE'));
  await expectCharged(db, userId, logs);
  return balance;
}

/** Each CONSUME and HOLD is charged once, with what the log says came back and how a hold ended. */
async function expectCharged(db: TestDatabase, userId: string, logs: readonly Row[]): Promise<void> {
  const charges = await db.query('SELECT * FROM quota_charges WHERE user_id = ? ORDER BY sequence', [userId]);
  const wanted = logs
    .filter(({ type }) => type === 'CONSUME' || type === 'HOLD')
    .map(({ type, sequence, units, task_id: taskId }) => {
      const settling = logs.filter((log) => log['consume_sequence'] === sequence);
      const returned = sum(settling.map(({ amount }) => amount));
      const isReleased = settling.some((log) => log['type'] === 'RELEASE');
      return { sequence, taskId, kind: type === 'HOLD' ? 'hold' : 'consume', units, returned, isReleased };
    });
  expect(
    charges.map(({ sequence, task_id: taskId, kind, units, returned, state }) => {
      return { sequence, taskId, kind, units, returned, isReleased: state === 'released' };
    }),
  ).toEqual(wanted);
  for (const { state, sequence, due_time: dueTime } of charges) {
    if (state !== 'open') expect(dueTime).toBeNull();
    else expect(logs.filter((log) => log['consume_sequence'] === sequence)).toEqual([]);
  }
}

function sum(values: readonly unknown[]): number {
  return values.reduce<number>((total, value) => total + Number(value), 0);
}
