import { consume, newId, registerMember, startHarness, type Harness } from '../../support/harness';

/** R3.1, R3.4, R3.5: concurrent consumption takes each unit once, and a repeated request takes nothing twice. */
describe('200 concurrent consumes on 100 units', () => {
  let h: Harness;
  beforeAll(async () => {
    // The caller waits 20 s: a busy machine must not turn waiting for a connection into OVERLOADED before that.
    h = await startHarness({ DATABASE_ACQUIRE_TIMEOUT_MS: '20000' });
  });
  afterAll(() => h.stop());

  const logsOf = (userId: string) =>
    h.db.query('SELECT * FROM quota_logs WHERE user_id = ? ORDER BY sequence', [userId]);

  test('exactly 100 succeed; their repeats are replayed with the same log; another amount is refused', async () => {
    const { userId } = await registerMember(h);
    expect((await consume(h, { userId, requestId: newId('down'), amount: 410 })).ok).toBe(true);

    const ids = Array.from({ length: 200 }, () => newId('c'));
    const first = await Promise.all(ids.map((requestId) => consume(h, { userId, requestId })));
    const won = ids.filter((_, i) => first[i]?.ok);
    const refusals = first.flatMap((reply) => (reply.ok ? [] : [`${reply.code}/${reply.reason}`]));
    expect(won).toHaveLength(100);
    expect(refusals).toEqual(Array(100).fill('FAILED_PRECONDITION/QUOTA_INSUFFICIENT'));

    const logs = await logsOf(userId);
    const [user] = await h.db.query('SELECT quota_remaining FROM users WHERE id = ?', [userId]);
    expect(user).toEqual({ quota_remaining: 0 });
    expect(logs.reduce((sum, log) => sum + Number(log['amount']), 0)).toBe(0);

    const again = await Promise.all(won.map((requestId) => consume(h, { userId, requestId })));
    for (const [i, reply] of again.entries()) {
      const original = first[ids.indexOf(won[i] ?? '')];
      if (!reply.ok || original?.ok !== true) throw new Error('a repeat was refused');
      expect(reply.response.replayed).toBe(true);
      expect(reply.response.log).toEqual(original.response.log);
    }
    const reused = await Promise.all(won.map((requestId) => consume(h, { userId, requestId, amount: 2 })));
    expect(reused.map((reply) => (reply.ok ? 'ok' : reply.reason))).toEqual(Array(100).fill('REQUEST_ID_REUSED'));
    expect(await logsOf(userId)).toEqual(logs);
  });
});
