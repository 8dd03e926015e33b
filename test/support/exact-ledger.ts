import { verifyLedgerOf } from '../../src/cli/verify-ledger';
import type { QuotaLog } from '../../src/gen/billing/v1/quota_service.pb';
import { monotonicMs } from '../../src/platform/clock';
import type { TestDatabase } from './database';

const place = (sequence: unknown, hash: string): string => `${String(sequence).padStart(8, '0')} ${hash}`;

/**
 * Checks that the log of a user holds the grant and exactly the rows that were acknowledged, each once, none more; that
 * the ledger verifies; and that events tell of every row exactly once.
 */
export async function expectExactly(db: TestDatabase, userId: string, rows: readonly QuotaLog[]): Promise<void> {
  const stored = await db.query(
    "SELECT sequence, hash FROM quota_logs WHERE user_id = ? AND type <> 'GRANT' ORDER BY sequence",
    [userId],
  );
  const held = stored.map((row) => place(row['sequence'], (row['hash'] as Buffer).toString('hex')));
  expect(held).toEqual(rows.map(({ sequence, hash }) => place(sequence, hash)).sort());
  const { fault } = await verifyLedgerOf(db.url, userId, monotonicMs);
  expect(fault).toBeUndefined();
}

/** Checks that the events of users follow each other without a gap or an overlap, up to the last row. */
export async function expectToldOnce(db: TestDatabase, userIds: readonly string[]): Promise<void> {
  const events = await db.query("SELECT payload FROM outbox WHERE type = 'quota.changed' ORDER BY id");
  const told = new Map<string, number>(userIds.map((userId) => [userId, 0]));
  for (const { payload } of events) {
    const { changes } = JSON.parse(String(payload)) as { changes: readonly [string, number, number, number][] };
    for (const [userId, first, last] of changes) {
      const known = told.get(userId);
      if (known === undefined) continue;
      expect({ userId, first }).toEqual({ userId, first: known + 1 });
      told.set(userId, last);
    }
  }
  for (const userId of userIds) {
    const [head] = await db.query('SELECT log_sequence FROM users WHERE id = ?', [userId]);
    expect({ userId, told: told.get(userId) }).toEqual({ userId, told: head?.['log_sequence'] });
  }
}
