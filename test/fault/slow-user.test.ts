import { consume, newId, registerUser, startHarness, type Harness } from '../support/harness';

/** Lesson 53, design §3: a user whose row is locked elsewhere holds up himself, and nobody else. */
describe("a user's row is held locked by somebody else", () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness({ LOCK_WAIT_TIMEOUT_MS: '1000' });
  });
  afterAll(() => h.stop());

  const lockRowOf = async (userId: string) => {
    const holder = await h.db.connect('root');
    await holder.query('START TRANSACTION');
    await holder.query('SELECT 1 FROM users WHERE id = ? FOR UPDATE', [userId]);
    return holder;
  };

  test('forty of his calls wait on one connection; a stranger is served at once, and afterwards so is he', async () => {
    const slow = await registerUser(h);
    const stranger = await registerUser(h);
    const holder = await lockRowOf(slow);
    let settled = 0;
    const waiting = Array.from({ length: 40 }, async () => {
      const reply = await consume(h, { userId: slow, requestId: newId('c') });
      settled += 1;
      return reply;
    });
    expect(await consume(h, { userId: stranger, requestId: newId('c') })).toMatchObject({ ok: true });
    await registerUser(h);
    expect(settled).toBe(0);
    await holder.query('ROLLBACK');
    await holder.end();
    const replies = await Promise.all(waiting);
    const outcomes = replies.map((reply) => (reply.ok ? 'ok' : reply.reason));
    expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(10);
    expect(outcomes.filter((outcome) => outcome === 'QUOTA_INSUFFICIENT')).toHaveLength(30);
  });

  test('for longer than two waits: ABORTED / CONTENTION, and nothing was taken', async () => {
    const userId = await registerUser(h);
    const holder = await lockRowOf(userId);
    try {
      expect(await consume(h, { userId, requestId: newId('c') })).toMatchObject({
        code: 'ABORTED',
        reason: 'CONTENTION',
      });
    } finally {
      await holder.query('ROLLBACK');
      await holder.end();
    }
    expect(await h.db.query('SELECT quota_remaining FROM users WHERE id = ?', [userId])).toEqual([
      { quota_remaining: 10 },
    ]);
  });
});
