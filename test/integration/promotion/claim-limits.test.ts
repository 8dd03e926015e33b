import { freePorts } from '../../../bench/runner/free-ports';
import { mustSucceed, type Reply } from '../../support/clients';
import { monotonicMs } from '../../../src/platform/clock';
import { createLogger } from '../../../src/platform/log';
import { openRedis } from '../../../src/platform/redis';
import { createClaimLimits } from '../../../src/promotion/claim-limits';
import { registerUser, startHarness, until, type Harness } from '../../support/harness';
import { startPrivateRedis, type PrivateRedis } from '../../support/private-redis';
import { claimCall, openPromotion, stockOf } from '../../support/promotions';
import { readUserRows } from '../../support/user-rows';

const PER_USER = 10;
const PER_CALLER = 40;
const SILENT = createLogger({ level: 'silent', role: 'all', destination: { write: () => undefined } });

/** R1.3 (恶意刷单): how often claims may be tried, by one user and by one caller, with and without Redis. */
describe('the limits on claiming', () => {
  let redis: PrivateRedis;
  let h: Harness;
  beforeEach(async () => {
    const [port = 0] = await freePorts(1);
    redis = await startPrivateRedis(port);
    h = await startHarness({
      REDIS_URL: redis.url,
      CLAIMS_PER_MINUTE_PER_USER: String(PER_USER),
      CLAIMS_PER_MINUTE_PER_CALLER: String(PER_CALLER),
    });
  });
  afterEach(async () => {
    await h.stop();
    await redis.kill();
  });

  const reasonsOf = (replies: readonly Reply<unknown>[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const reply of replies) {
      const reason = reply.ok ? 'claimed' : `${reply.code} ${reply.reason}`;
      counts[reason] = (counts[reason] ?? 0) + 1;
    }
    return counts;
  };
  const LIMITED = 'RESOURCE_EXHAUSTED RATE_LIMITED';

  const tryAsUser = async (tries: number) => {
    const userId = await registerUser(h);
    const promotions = await Promise.all(Array.from({ length: tries }, () => openPromotion(h)));
    return Promise.all(promotions.map((promotionId) => claimCall(h, { userId, promotionId })));
  };
  const tryAsCaller = async (tries: number) => {
    const promotionId = await openPromotion(h);
    const users = await Promise.all(Array.from({ length: tries }, () => registerUser(h)));
    return Promise.all(users.map((userId) => claimCall(h, { userId, promotionId })));
  };

  test('one user tries so often in a minute, whatever he claims; the rest is refused, and says when to retry', async () => {
    const replies = await tryAsUser(PER_USER + 5);
    expect(reasonsOf(replies)).toEqual({ claimed: PER_USER, [LIMITED]: 5 });
    const limited = replies.flatMap((reply) => (reply.ok ? [] : [Number(reply.metadata['retry_after_ms'])]));
    for (const ms of limited) expect(ms > 0 && ms <= 60_000).toBe(true);
  });

  test('one caller tries so often for all users together', async () => {
    expect(reasonsOf(await tryAsCaller(PER_CALLER + 10))).toEqual({ claimed: PER_CALLER, [LIMITED]: 10 });
  });

  test('a refused attempt changes nothing, not even for a coupon that is there', async () => {
    const promotionId = await openPromotion(h);
    const userId = await registerUser(h);
    const asked = { requestId: 'again', userId, promotionId };
    await mustSucceed(claimCall(h, asked));
    for (let tries = 1; tries < PER_USER; tries += 1) await mustSucceed(claimCall(h, asked));
    const before = [await readUserRows(h.db, userId), await stockOf(h.db, promotionId)];
    expect(await claimCall(h, asked)).toMatchObject({ ok: false, reason: 'RATE_LIMITED' });
    expect([await readUserRows(h.db, userId), await stockOf(h.db, promotionId)]).toEqual(before);
  });

  test('while Redis is away claims go on, and the replica counts for itself', async () => {
    await redis.kill();
    expect(reasonsOf(await tryAsUser(PER_USER + 5))).toEqual({ claimed: PER_USER, [LIMITED]: 5 });
  });

  test('while Redis hangs claims go on, and what waits for it does not pile up', async () => {
    const connection = openRedis(redis.url, 50, SILENT, { together: true });
    await until('it is connected', () => Promise.resolve(connection.status === 'ready'));
    const limits = createClaimLimits(connection, { perUser: 1_000_000, perCaller: 1_000_000 });
    try {
      redis.hang();
      const endMs = monotonicMs() + 1_000;
      let spent = 0;
      while (monotonicMs() < endMs) {
        await Promise.all(Array.from({ length: 50 }, (_, i) => limits.spend(`u${i}`, 'caller')));
        spent += 50;
      }
      expect(spent).toBeGreaterThan(100);
      const queues = connection as unknown as { readonly commandQueue: { readonly length: number } };
      await until('nothing waits for it', () => Promise.resolve(queues.commandQueue.length === 0));
    } finally {
      connection.disconnect();
    }
  });

  test('what one user is refused does not use up what the users of a caller share', async () => {
    const promotionId = await openPromotion(h);
    const greedy = await registerUser(h);
    for (let tries = 0; tries < PER_CALLER; tries += 1) await claimCall(h, { userId: greedy, promotionId });
    expect(await claimCall(h, { userId: greedy, promotionId })).toMatchObject({ ok: false, reason: 'RATE_LIMITED' });
    await mustSucceed(claimCall(h, { userId: await registerUser(h), promotionId }));
  });
});
