import type { Connection } from 'mysql2/promise';
import { verifyLedgerOf } from '../../../src/cli/verify-ledger';
import { monotonicMs } from '../../../src/platform/clock';
import { mustSucceed } from '../../support/clients';
import type { TestDatabase } from '../../support/database';
import { consume, newId, refund, registerMember, startHarness, type Harness } from '../../support/harness';
import { capture, hold } from '../../support/quota-calls';

/** R7.2, lesson 18: whoever may do everything to the database still can not change history without being named. */
describe('billing ledger verify', () => {
  let h: Harness;
  let db: TestDatabase;
  let root: Connection;
  const userIds: string[] = [];

  beforeAll(async () => {
    h = await startHarness();
    db = h.db;
    root = await db.connect('root');
    await root.query('DROP TRIGGER quota_logs_no_update');
    await root.query('DROP TRIGGER quota_logs_no_delete');
    await root.query('DROP TRIGGER users_frozen');
    for (let i = 0; i < 3; i += 1) {
      const { userId } = await registerMember(h);
      userIds.push(userId);
      for (let n = 0; n < 4; n += 1) await consume(h, { userId, requestId: `c-${n}`, amount: 7 });
      await refund(h, { userId, requestId: 'r-1', consumeRequestId: 'c-1', amount: 3 });
      await mustSucceed(hold(h, { userId, requestId: 'h-1', amount: 6 }));
      await mustSucceed(hold(h, { userId, requestId: 'h-2', amount: 5 }));
      await mustSucceed(capture(h, { userId, requestId: 'k-1', holdId: 'h-1', amount: 2 }));
    }
    userIds.sort();
    await h.stop();
  });
  afterAll(async () => {
    await root.end();
  });
  beforeEach(() => root.query('START TRANSACTION'));

  const verify = (userId?: string) => verifyLedgerOf(db.url, userId, monotonicMs);
  const victim = (): string => userIds[1] ?? '';

  /** Forges, checks what the check says, and puts everything back as it was. */
  async function faultAfter(forge: string, undo: string): Promise<unknown> {
    await root.query(forge, [victim()]);
    await root.query('COMMIT');
    const { fault } = await verify();
    await root.query(undo, [victim()]);
    expect((await verify()).fault).toBeUndefined();
    return fault;
  }

  test('finds nothing in an honest ledger, and counts all of it', async () => {
    expect(await verify()).toEqual({ users: 3, rows: 3 * 10, fault: undefined });
    expect(await verify(victim())).toEqual({ users: 1, rows: 10, fault: undefined });
  });

  test.each([
    ['an amount', 'amount = amount - 1, units = units + 1', 'amount = amount + 1, units = units - 1', /balance/],
    ['an actor', "actor = 'somebody'", "actor = 'spiffe://billing/ai-task-service/ai-task-service'", /hash/],
    [
      'a time',
      'create_time = create_time + INTERVAL 1 SECOND',
      'create_time = create_time - INTERVAL 1 SECOND',
      /hash/,
    ],
  ])('names the row of which %s was altered', async (_what, change, undo, problem) => {
    const row = "WHERE user_id = ? AND request_id = 'c-2'";
    const fault = await faultAfter(`UPDATE quota_logs SET ${change} ${row}`, `UPDATE quota_logs SET ${undo} ${row}`);
    expect(fault).toEqual({ userId: victim(), sequence: 5, problem: expect.stringMatching(problem) });
  });

  test('notices that the last row was cut off: the account still names it', async () => {
    await root.query('CREATE TEMPORARY TABLE kept SELECT * FROM quota_logs WHERE user_id = ? AND sequence = 10', [
      victim(),
    ]);
    const fault = await faultAfter(
      'DELETE FROM quota_logs WHERE user_id = ? AND sequence = 10',
      'INSERT INTO quota_logs SELECT * FROM kept WHERE user_id = ?',
    );
    await root.query('DROP TEMPORARY TABLE kept');
    expect(fault).toEqual({ userId: victim(), sequence: null, problem: 'the account knows 10 rows, the log has 9' });
  });

  test('notices a balance and a lot that the log does not account for', async () => {
    const change = (sign: string) => `UPDATE users SET quota_remaining = quota_remaining ${sign} 5 WHERE id = ?`;
    expect(await faultAfter(change('+'), change('-'))).toMatchObject({ userId: victim(), sequence: null });
    const lot = (sign: string) => {
      return `UPDATE quota_grants SET remaining = remaining ${sign} 5 WHERE user_id = ? AND source = 'membership'`;
    };
    expect(await faultAfter(lot('-'), lot('+'))).toMatchObject({ problem: expect.stringContaining('lot 2') });
  });

  test('notices units held, or a lot larger than granted, that no row tells of', async () => {
    await root.query('DROP TRIGGER quota_grants_identity_frozen');
    const grown = (sign: string, held: number) =>
      `UPDATE quota_grants SET amount = amount ${sign} 100000, held = ${held} WHERE user_id = ? AND grant_id = 1`;
    expect(await faultAfter(grown('+', 5), grown('-', 0))).toMatchObject({
      userId: victim(),
      problem: expect.stringMatching(/^lot 1 says .* 5 held/),
    });
  });

  test.each([
    ['that says it returned more', 'returned = returned + 1', 'returned = returned - 1', 4],
    ['of other units than its row', 'units = units + 1', 'units = units - 1', 3],
    ['of an open hold that says it was captured', "state = 'settled'", "state = 'open'", 9],
    ['of a captured hold that says it is open', "state = 'open', returned = 0", "state = 'settled', returned = 4", 8],
  ])('notices a charge %s', async (_what, change, undo, sequence) => {
    await root.query('DROP TRIGGER IF EXISTS quota_charges_frozen');
    await root.query('DROP TRIGGER IF EXISTS quota_charges_settled_once');
    const charge = (set: string): string =>
      `UPDATE quota_charges SET ${set}, due_time = IF(state = 'open', settle_deadline, NULL) WHERE user_id = ? AND sequence = ${sequence}`;
    const fault = { userId: victim(), sequence, problem: 'is charged otherwise than its row says' };
    expect(await faultAfter(charge(change), charge(undo))).toEqual(fault);
  });

  test('notices a consume that has no charge', async () => {
    await root.query('DROP TRIGGER quota_charges_no_delete');
    const one = 'FROM quota_charges WHERE user_id = ? AND sequence = 5';
    await root.query(`CREATE TEMPORARY TABLE kept_charge SELECT * ${one}`, [victim()]);
    const fault = await faultAfter(
      `DELETE ${one}`,
      'INSERT INTO quota_charges SELECT * FROM kept_charge WHERE user_id = ?',
    );
    expect(fault).toEqual({ userId: victim(), sequence: 5, problem: 'has no charge' });
  });

  test('proves nothing about a user who is not there', async () => {
    const fault = { userId: 'nobody', sequence: null, problem: 'there is no such user' };
    expect(await verify('nobody')).toEqual({ users: 0, rows: 0, fault });
  });

  test('notices an account without a log', async () => {
    const forged = newId('u');
    await root.query(
      'INSERT INTO users SELECT ?, 0, 0, log_hash, log_time, NULL, NULL, create_time FROM users LIMIT 1',
      [forged],
    );
    await root.query('COMMIT');
    expect((await verify()).fault).toEqual({
      userId: forged,
      sequence: null,
      problem: 'has a row in users but no log',
    });
  });
});
