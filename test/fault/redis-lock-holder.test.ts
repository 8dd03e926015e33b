import { Redis } from 'ioredis';
import { ConsumeQuotaRequest } from '../../src/gen/billing/v1/quota_service.pb';
import { monotonicMs } from '../../src/platform/clock';
import { call, mustSucceed } from '../support/clients';
import { newId, until } from '../support/harness';
import { Latencies, percentile } from '../support/latencies';
import { startPrivateRedis, type PrivateRedis } from '../support/private-redis';
import { freePorts } from '../../bench/runner/free-ports';
import { setStage, type Place, type Stage } from '../support/service-process';

interface Recovery {
  readonly p99: number;
  readonly slowest: number;
  readonly p99After: number;
}

/** Must show 4, R3.6: whoever dies with locks in Redis costs the next one a blink, not the locks' time to live. */
describe('a process dies while it holds the locks of users in Redis', () => {
  const CALLERS = 16;
  const USERS = 16;
  const TTL_MS = 2_000;
  /** From then on p99 is normal again. */
  const RECOVERY_MS = 1_000;
  const SPAN_MS = 2_000;
  /** Below this a busy machine's noise decides. */
  const FLOOR_MS = 25;
  const ROUNDS = 3;
  let stage: Stage;
  let redisServer: PrivateRedis;
  let redis: Redis;
  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    redisServer = await startPrivateRedis(port);
    redis = new Redis(redisServer.url);
    const settings = { REDIS_URL: redisServer.url, REGISTRATION_GRANT_UNITS: '1000000' };
    stage = await setStage({ ...settings, WORKER_POLL_INTERVAL_MS: '600000' }, 2);
    await stage.start();
  });
  afterAll(async () => {
    await stage.close();
    redis.disconnect();
    await redisServer.kill();
  });

  const registerUsers = (): Promise<readonly string[]> => {
    const { membership } = stage.as('order-service');
    return Promise.all(
      Array.from({ length: USERS }, async () => {
        const userId = newId('lock');
        await mustSucceed(
          call(membership.registerUser.bind(membership), { requestId: 'register', userId, identityHashes: [] }),
        );
        return userId;
      }),
    );
  };
  const keysOf = (userIds: readonly string[]): string[] => userIds.map((userId) => `billing:lock:user:${userId}`);
  const consume = (place: Place, userId: string) => {
    const { quota } = place.as('ai-task-service');
    const request = ConsumeQuotaRequest.fromPartial({ userId, requestId: newId('c'), amount: 1 });
    return call(quota.consumeQuota.bind(quota), request);
  };

  /** Callers at the stage's own place, for a while. Every call must succeed. */
  const load = async (userIds: readonly string[], ms: number): Promise<Latencies> => {
    const latencies = new Latencies();
    const untilMs = monotonicMs() + ms;
    const caller = async (index: number): Promise<void> => {
      const userId = userIds[index % userIds.length] ?? '';
      while (monotonicMs() < untilMs) {
        await latencies.time(() => mustSucceed(consume(stage, userId)));
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index)));
    return latencies;
  };

  /** Loads the users whose locks a dead process holds, and compares what comes a second later with what came before. */
  const measureRecovery = async (normal: Latencies, userIds: readonly string[]): Promise<Recovery> => {
    const startMs = monotonicMs();
    const after = await load(userIds, RECOVERY_MS + SPAN_MS);
    return {
      p99: percentile(normal.between(0), 99),
      slowest: percentile(after.between(startMs, startMs + RECOVERY_MS), 100),
      p99After: percentile(after.between(startMs + RECOVERY_MS), 99),
    };
  };

  /** A machine that is slow for seconds spoils a round or two; locks that are not taken over spoil every one. */
  const expectRecovery = (rounds: readonly Recovery[]): void => {
    const figures = rounds.map(({ p99, slowest, p99After }) => [p99, slowest, p99After].map(Math.round).join(' / '));
    process.stderr.write(`p99 before / slowest within a second / p99 afterwards: ${figures.join(', ')} ms\n`);
    const normalAgain = rounds.filter(({ p99, p99After }) => p99After < Math.max(2 * p99, p99 + FLOOR_MS));
    expect(normalAgain.length).toBeGreaterThan(rounds.length / 2);
    // Nobody waited for the locks to end by themselves.
    expect(Math.min(...rounds.map(({ slowest }) => slowest))).toBeLessThan(TTL_MS / 2);
    for (const { slowest } of rounds) expect(slowest).toBeLessThan(TTL_MS);
  };

  const inRounds = async (round: () => Promise<Recovery>): Promise<readonly Recovery[]> => {
    const rounds: Recovery[] = [];
    while (rounds.length < ROUNDS) rounds.push(await round());
    return rounds;
  };

  test('locks of somebody who never comes back are taken over: p99 is normal within a second', async () => {
    const users = await registerUsers();
    await load(users, SPAN_MS);
    const rounds = await inRounds(async () => {
      const normal = await load(users, SPAN_MS);
      for (const key of keysOf(users)) await redis.set(key, 'a holder that died', 'PX', TTL_MS);
      return measureRecovery(normal, users);
    });
    expectRecovery(rounds);
  }, 90_000);

  /** Kills the other process until it leaves locks of users behind. */
  const killHolder = async (other: Place, users: readonly string[]): Promise<void> => {
    await until('it died with locks in its hands', async () => {
      const victim = await other.start();
      let isDead = false;
      const caller = async (userId: string): Promise<void> => {
        while (!isDead) await consume(other, userId);
      };
      const calling = Promise.all([...users, ...users].map(caller));
      await until('it holds locks', async () => (await redis.exists(...keysOf(users))) > 0);
      victim.kill('SIGKILL');
      await victim.ended;
      isDead = true;
      const left = await redis.exists(...keysOf(users));
      await calling;
      return left > 0;
    });
  };

  test('kill -9 of a process with locks in its hands: p99 is normal within a second', async () => {
    const [, other] = stage.places;
    if (other === undefined) throw new Error('the stage has one place only');
    const rounds = await inRounds(async () => {
      const users = await registerUsers();
      const normal = await load(await registerUsers(), SPAN_MS);
      await killHolder(other, users);
      return measureRecovery(normal, users);
    });
    expectRecovery(rounds);
  }, 240_000);
});
