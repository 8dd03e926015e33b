import { ConsumeQuotaRequest } from '../../src/gen/billing/v1/quota_service.pb';
import { call, mustSucceed } from '../support/clients';
import { startCommitCutter, type CommitCutter, type CutPlace } from '../support/commit-cutter';
import { expectExactly, expectToldOnce } from '../support/exact-ledger';
import { consume, newId, registerUser, startHarness, until, type Harness } from '../support/harness';
import { readInfra } from '../support/infra';
import { proxied } from '../support/proxied';
import { createQuotaCallers } from '../support/quota-callers';

/**
 * Must show 4, lessons 2, 48: the connection is lost at the one moment when nobody knows whether the transaction is
 * committed. The service finds out itself, and tells its callers the truth: who did it, and who came second.
 */
describe('the connection is cut at COMMIT', () => {
  const CUTS = 100;
  const CUTS_BEFORE = 40;
  const CALLERS = 24;
  const USERS = 6;
  const ATTEMPTS = 4;
  let h: Harness;
  let cutter: CommitCutter;
  beforeAll(async () => {
    cutter = await startCommitCutter(readInfra().port);
    h = await startHarness({
      ...proxied.database(cutter),
      REGISTRATION_GRANT_UNITS: '1000000',
      TRANSACTION_ATTEMPTS: String(ATTEMPTS),
      // Without jobs and relay only quota commands commit anything, so only they are cut.
      BILLING_ROLE: 'rpc',
    });
  });
  beforeEach(() => cutter.letPass());
  afterAll(async () => {
    await h.stop();
    await cutter.close();
  });

  const isDone = async (userId: string, requestId: string): Promise<boolean> => {
    const tables = ['quota_logs', 'quota_task_outcomes'];
    const selects = tables.map((table) => `SELECT 1 FROM ${table} WHERE user_id = ? AND request_id = ?`);
    const found = await h.db.query(selects.join(' UNION ALL '), [userId, requestId, userId, requestId]);
    return found.length > 0;
  };

  test.each<[string, number, readonly CutPlace[], number]>([
    ['between COMMIT and its answer', CUTS, ['after'], 3],
    ['before COMMIT arrives', CUTS_BEFORE, ['before'], 3],
    ['either way, of every second COMMIT', CUTS, ['before', 'after'], 2],
  ])(
    '%s, %d times under 24 callers: no call is refused, nothing is lost, doubled or called a repeat',
    async (_where, cuts, places, every) => {
      const users = await Promise.all(Array.from({ length: USERS }, () => registerUser(h)));
      const { quota } = h.as('ai-task-service');
      const callers = createQuotaCallers([quota], { timeoutMs: 30_000, isDone });
      const cutsBefore = cutter.cuts;
      cutter.cut(places, every, cuts);
      const caller = async (index: number): Promise<void> => {
        const userId = users[index % USERS] ?? '';
        while (cutter.cuts < cutsBefore + cuts && callers.wrong.length === 0) await callers.round(userId, 0);
      };
      await Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index)));

      expect(callers.wrong).toEqual([]);
      expect(cutter.cuts - cutsBefore).toBe(cuts);
      expect(callers.answered).toBeGreaterThan(CALLERS);
      for (const userId of users) await expectExactly(h.db, userId, callers.rows.get(userId) ?? []);
      await expectToldOnce(h.db, users);
    },
    180_000,
  );

  test('two callers with one request_id: one of them did it, the other came second, whatever was cut', async () => {
    const userId = await registerUser(h);
    cutter.cut(['after', 'before'], 2, CUTS);
    for (let i = 0; i < 30; i += 1) {
      const request = { userId, requestId: `both-${i}` };
      const both = await Promise.all([mustSucceed(consume(h, request)), mustSucceed(consume(h, request))]);
      expect(both.map(({ replayed }) => replayed).sort()).toEqual([false, true]);
      expect(both[0].log).toEqual(both[1].log);
    }
    const [count] = await h.db.query("SELECT COUNT(*) AS n FROM quota_logs WHERE user_id = ? AND type = 'CONSUME'", [
      userId,
    ]);
    expect(count).toEqual({ n: 30 });
  });

  test('an earlier effect stays a repeat, whatever is cut while it is found again', async () => {
    const userId = await registerUser(h);
    const first = await mustSucceed(consume(h, { userId, requestId: 'earlier' }));
    cutter.cut(['after'], 1, 2);
    const again = await mustSucceed(consume(h, { userId, requestId: 'earlier' }));
    expect([again.replayed, again.log]).toEqual([true, first.log]);
  });

  const consumeOnce = async () => {
    const userId = await registerUser(h);
    const requestId = newId('c');
    const request = ConsumeQuotaRequest.fromPartial({ userId, requestId, amount: 1 });
    const { quota } = h.as('ai-task-service');
    return { userId, requestId, consume: () => call(quota.consumeQuota.bind(quota), request) };
  };

  test('after every COMMIT: the next attempt finds what was done and has nothing to commit; that is no repeat', async () => {
    const { userId, requestId, consume } = await consumeOnce();
    const cutsBefore = cutter.cuts;
    cutter.cut(['after'], 1, ATTEMPTS);
    const answer = await mustSucceed(consume());
    cutter.letPass();
    expect([answer.replayed, answer.quotaRemaining, cutter.cuts - cutsBefore]).toEqual([false, 999_999, 1]);
    expect(await isDone(userId, requestId)).toBe(true);
    const repeat = await mustSucceed(consume());
    expect([repeat.replayed, repeat.quotaRemaining]).toEqual([true, 999_999]);
  });

  test('before every COMMIT, until the attempts are used up: UNAVAILABLE, never a refusal; the repeat is the first', async () => {
    const { userId, requestId, consume } = await consumeOnce();
    const cutsBefore = cutter.cuts;
    cutter.cut(['before'], 1, ATTEMPTS);
    expect(await consume()).toMatchObject({ code: 'UNAVAILABLE', reason: 'DATABASE_UNAVAILABLE' });
    expect(cutter.cuts - cutsBefore).toBe(ATTEMPTS);
    expect(await isDone(userId, requestId)).toBe(false);
    const repeat = await mustSucceed(consume());
    expect([repeat.replayed, repeat.quotaRemaining]).toEqual([false, 999_999]);
  });

  /** CONTENTION would promise that nothing happened. */
  test('and its row is then locked by somebody else for longer than is waited: UNAVAILABLE, and it was done', async () => {
    const { userId, requestId, consume } = await consumeOnce();
    const [before, after] = [await h.db.connect('root'), await h.db.connect('root')];
    const lockRow = 'SELECT id FROM users WHERE id = ? FOR UPDATE';
    const countWaiting = async (): Promise<number> => {
      // Not innodb_trx: it shows an old state to whoever asks it often.
      const sql =
        'SELECT COUNT(*) AS n FROM information_schema.processlist ' +
        "WHERE db = ? AND time_ms > 50 AND info LIKE 'SELECT%FROM users%FOR UPDATE'";
      return Number((await h.db.query(sql, [h.db.name]))[0]?.['n']);
    };
    try {
      for (const connection of [before, after]) await connection.query('START TRANSACTION');
      await before.query(lockRow, [userId]);
      cutter.cut(['after'], 1, 1);
      const answer = consume();
      await until('the command waits for the row', async () => (await countWaiting()) === 1);
      const locked = after.query(lockRow, [userId]);
      await until('somebody else waits behind it', async () => (await countWaiting()) === 2);
      await before.query('ROLLBACK');
      await locked;
      expect(await isDone(userId, requestId)).toBe(true);
      expect(await answer).toMatchObject({ code: 'UNAVAILABLE', reason: 'DATABASE_UNAVAILABLE' });
      await after.query('ROLLBACK');
    } finally {
      for (const connection of [before, after]) await connection.end();
    }
    const repeat = await mustSucceed(consume());
    expect([repeat.replayed, repeat.quotaRemaining]).toEqual([true, 999_999]);
  });
});
