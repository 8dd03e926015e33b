import type { Connection, RowDataPacket } from 'mysql2/promise';
import { verifyLedgerOf } from '../../../src/cli/verify-ledger';
import { CaptureQuotaRequest, ReleaseQuotaRequest } from '../../../src/gen/billing/v1/quota_service.pb';
import { monotonicMs } from '../../../src/platform/clock';
import { chainHash } from '../../../src/quota/log-chain';
import { call, mustSucceed } from '../../support/clients';
import { postingOf } from '../../support/ledger-proof';
import { consume, refund, registerUser, startHarness, type Harness } from '../../support/harness';
import { hold } from '../../support/settlement';

/**
 * Must show 6, lessons 10, 11, 18: holds and charges are recomputed from the log like everything else, so whoever may do
 * everything to the database is named when he changes them, even if he keeps the chain right.
 */
describe('billing ledger verify, about holds and charges', () => {
  let h: Harness;
  let root: Connection;
  let victim: string;
  beforeAll(async () => {
    h = await startHarness({ WORKER_POLL_INTERVAL_MS: '600000' });
    root = await h.db.connect('root');
    const triggers = ['quota_charges', 'quota_logs', 'quota_grants', 'users'].map((table) =>
      root.query<RowDataPacket[]>('SHOW TRIGGERS WHERE `Table` = ?', [table]),
    );
    for (const [rows] of await Promise.all(triggers)) {
      for (const row of rows) await root.query(`DROP TRIGGER ${String(row['Trigger'])}`);
    }
    victim = await registerUser(h);
    await useEverything(victim);
  });
  afterAll(async () => {
    await root.end();
    await h.stop();
  });

  /** Row 2 an open hold, 3 a captured one, 5 a released one, 7 a consume of which a unit came back. */
  async function useEverything(userId: string): Promise<void> {
    const { quota } = h.as('ai-task-service');
    await mustSucceed(hold(h, { userId, requestId: 'open', amount: 1, taskId: 'task-1' }));
    await mustSucceed(hold(h, { userId, requestId: 'captured', amount: 3, taskId: 'task-2' }));
    const captured = CaptureQuotaRequest.fromPartial({ userId, requestId: 'capture', holdId: 'captured', amount: 2 });
    await mustSucceed(call(quota.captureQuota.bind(quota), captured));
    await mustSucceed(hold(h, { userId, requestId: 'released', amount: 2 }));
    const released = ReleaseQuotaRequest.fromPartial({ userId, requestId: 'release', holdId: 'released' });
    await mustSucceed(call(quota.releaseQuota.bind(quota), released));
    await mustSucceed(consume(h, { userId, requestId: 'consume', amount: 2, taskId: 'task-3' }));
    await mustSucceed(refund(h, { userId, requestId: 'refund', consumeRequestId: 'consume', amount: 1 }));
  }

  const verify = () => verifyLedgerOf(h.db.url, victim, monotonicMs);

  /** Forges with the guards out of the way, checks what the check says, and puts everything back. */
  async function faultAfter(...forgeries: readonly [sql: string, values?: readonly unknown[]][]): Promise<unknown> {
    const tables = ['users', 'quota_grants', 'quota_charges', 'quota_logs'];
    const ownerOf = (table: string): string => (table === 'users' ? 'id' : 'user_id');
    for (const table of tables) {
      await root.query(`CREATE TEMPORARY TABLE kept_${table} SELECT * FROM ${table} WHERE ${ownerOf(table)} = ?`, [
        victim,
      ]);
    }
    await root.query('SET check_constraint_checks = 0');
    for (const [sql, values = [victim]] of forgeries) await root.query(sql, [...values]);
    const { fault } = await verify();
    for (const table of tables) {
      await root.query(`DELETE FROM ${table} WHERE ${ownerOf(table)} = ?`, [victim]);
      const [columns] = await root.query<RowDataPacket[]>(
        `SHOW COLUMNS FROM ${table} WHERE Extra NOT LIKE '%GENERATED%'`,
      );
      const names = columns.map((column) => `\`${String(column['Field'])}\``).join(', ');
      await root.query(`INSERT INTO ${table} (${names}) SELECT ${names} FROM kept_${table}`);
      await root.query(`DROP TEMPORARY TABLE kept_${table}`);
    }
    await root.query('SET check_constraint_checks = 1');
    expect((await verify()).fault).toBeUndefined();
    return fault;
  }

  test('finds nothing in an honest ledger', async () => {
    expect(await verify()).toEqual({ users: 1, rows: 8, fault: undefined });
  });

  test.each([
    ['more than the log holds', 'held = held + 1'],
    ['less than the log holds', 'held = 0'],
    ['units freed without a row', 'held = held - 1, remaining = remaining + 1'],
  ])('notices a lot with %s', async (_what, change) => {
    const fault = await faultAfter([`UPDATE quota_grants SET ${change} WHERE user_id = ?`]);
    expect(fault).toEqual({ userId: victim, sequence: null, problem: expect.stringMatching(/^lot 1 says .* held/) });
  });

  test.each([
    ['a HOLD', 2, 'units = 2'],
    ['a CAPTURE', 4, 'units = 1'],
    ['a RELEASE', 6, 'consume_sequence = 2'],
    ["a CAPTURE's actor", 4, "actor = 'somebody'"],
  ])('names the row when %s was altered', async (_what, sequence, change) => {
    const fault = await faultAfter([`UPDATE quota_logs SET ${change} WHERE user_id = ? AND sequence = ${sequence}`]);
    expect(fault).toEqual({ userId: victim, sequence, problem: 'does not match its hash' });
  });

  /** Appends a copy of a row with a right chain, balance, account and lot: only what it means is wrong. */
  async function appendCopyOf(sequence: number, changes: Readonly<Record<string, unknown>> = {}) {
    const rows = await h.db.query('SELECT * FROM quota_logs WHERE user_id = ? ORDER BY sequence', [victim]);
    const [last, source] = [rows.at(-1), rows[sequence - 1]];
    const copied = { ...source, ...changes, sequence: rows.length + 1, request_id: 'again' };
    const amount = Number({ ...source, ...changes }['amount']);
    const forged = { ...copied, quota_remaining: Number(last?.['quota_remaining']) + amount };
    const hash = chainHash(last?.['hash'] as Buffer, postingOf(forged));
    const head = [amount, rows.length + 1, hash, victim];
    return [
      ['INSERT INTO quota_logs SET ?', [{ ...forged, hash }]],
      ['UPDATE users SET quota_remaining = quota_remaining + ?, log_sequence = ?, log_hash = ? WHERE id = ?', head],
      ['UPDATE quota_grants SET remaining = remaining + ? WHERE user_id = ?', [amount, victim]],
    ] as [string, readonly unknown[]][];
  }

  test('names a second RELEASE of a hold, though the chain and all sums are right', async () => {
    const fault = await faultAfter(...(await appendCopyOf(6)));
    expect(fault).toEqual({ userId: victim, sequence: 9, problem: 'settles hold 5, which is not open' });
  });

  test('names a RELEASE of a hold that was captured', async () => {
    const fault = await faultAfter(...(await appendCopyOf(6, { consume_sequence: 3 })));
    expect(fault).toEqual({ userId: victim, sequence: 9, problem: 'settles hold 3, which is not open' });
  });

  test('names a RELEASE that frees more than the hold set aside', async () => {
    const fault = await faultAfter(...(await appendCopyOf(6, { consume_sequence: 2 })));
    expect(fault).toEqual({ userId: victim, sequence: 9, problem: 'settles 2 units of a hold of 1' });
  });

  test.each([
    [
      'an open hold is said to be settled, so that its units could be refunded',
      2,
      "state = 'settled', due_time = NULL",
    ],
    ['an open hold is said to be released', 2, "state = 'released', returned = units, due_time = NULL"],
    ['a captured hold is said to be open again', 3, "state = 'open', returned = 0"],
    ['a released hold is said to be open again', 5, "state = 'open', returned = 0"],
    ['more is said to have come back', 7, 'returned = returned + 1'],
    ['less is said to have come back', 7, 'returned = 0'],
    ['more is said to have been taken', 7, 'units = units + 1'],
    ['a hold is said to be a consume', 3, "kind = 'consume'"],
    ['it is said to be of another task', 7, "task_id = 'task-9'"],
    ['nobody will ever look at an open one again', 2, 'due_time = NULL'],
  ])('names the charge when %s', async (_what, sequence, change) => {
    const fault = await faultAfter([`UPDATE quota_charges SET ${change} WHERE user_id = ? AND sequence = ${sequence}`]);
    expect(fault).toMatchObject({ userId: victim, sequence });
  });

  test.each([
    ['expire later', 'expire_time = expire_time + INTERVAL 1 DAY'],
    ['never expire', 'expire_time = NULL'],
    ['come from another source', "source = 'membership'"],
    ['have been granted for something else', "source_ref = 'other'"],
  ])('notices a lot that is said to %s', async (_what, change) => {
    const fault = await faultAfter([`UPDATE quota_grants SET ${change} WHERE user_id = ?`]);
    const problem = 'lot 1 has another source or expiry than its GRANT row says';
    expect(fault).toEqual({ userId: victim, sequence: null, problem });
  });

  test.each([0, -1])('names a row before the first, of number %d', async (sequence) => {
    const columns = Object.keys((await h.db.query('SELECT * FROM quota_logs LIMIT 1'))[0] ?? {});
    const list = columns.map((column) => `\`${column}\``).join(', ');
    const copied = columns.map((column) =>
      column === 'sequence' ? String(sequence) : column === 'request_id' ? "'zero'" : `\`${column}\``,
    );
    const copy = `INSERT INTO quota_logs (${list}) SELECT ${copied.join(', ')} FROM quota_logs WHERE user_id = ? AND sequence = 1`;
    expect(await faultAfter([copy])).toMatchObject({ userId: victim, sequence });
  });

  test.each([2, 7])('names row %d when its charge is missing', async (sequence) => {
    const fault = await faultAfter([`DELETE FROM quota_charges WHERE user_id = ? AND sequence = ${sequence}`]);
    expect(fault).toEqual({ userId: victim, sequence, problem: 'has no charge' });
  });

  test('names a charge that no row made', async () => {
    const copy =
      "INSERT INTO quota_charges (user_id, task_id, sequence, kind, units, returned, state, grace_days) SELECT id, 'task-1', 8, 'consume', 1, 0, 'settled', 7 FROM users WHERE id = ?";
    expect(await faultAfter([copy])).toMatchObject({ userId: victim, sequence: 8 });
  });
});
