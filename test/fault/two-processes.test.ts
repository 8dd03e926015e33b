import { setTimeout as pause } from 'node:timers/promises';
import { verifyLedgerOf } from '../../src/cli/verify-ledger';
import { monotonicMs } from '../../src/platform/clock';
import { call, mustSucceed } from '../support/clients';
import { startCommitCutter, type CommitCutter } from '../support/commit-cutter';
import { expectExactly, expectToldOnce } from '../support/exact-ledger';
import { newId } from '../support/harness';
import { readInfra } from '../support/infra';
import { startPrivateRedis, type PrivateRedis } from '../support/private-redis';
import { proxied } from '../support/proxied';
import { createQuotaCallers } from '../support/quota-callers';
import { freePorts } from '../../bench/runner/free-ports';
import { setStage, type Place, type ServiceProcess, type Stage } from '../support/service-process';

/**
 * Must show 4, lessons 2, 9, 13, 15, 21, 48: two processes on one database, and everything around them fails all the
 * time. SOAK_MINUTES makes it last longer than the quarter of a minute of every build.
 */
const SOAK_MS = Number(process.env['SOAK_MINUTES'] ?? '0.25') * 60_000;
const KILL_EVERY_MS = 3_000;
const REDIS_AWAY_MS = 500;
const CALLERS_PER_PROCESS = 64;
/** Half of the callers share these; the others are two for a user, one at each process. */
const HOT_USERS = 2;
const CUTS = 100;
const CUT_EVERY = 2;
const KILLS = 4;

describe('two processes under 64 callers each, of which one is killed every few seconds', () => {
  let stage: Stage;
  let redis: PrivateRedis;
  let cutter: CommitCutter;
  let kills = 0;
  beforeAll(async () => {
    const [redisPort = 0] = await freePorts(1);
    redis = await startPrivateRedis(redisPort);
    cutter = await startCommitCutter(readInfra().port);
    const settings = {
      ...proxied.database(cutter),
      REDIS_URL: redis.url,
      REGISTRATION_GRANT_UNITS: '1000000',
      WORKER_POLL_INTERVAL_MS: '1000',
      JOB_LOCK_MS: '2000',
    };
    stage = await setStage(settings, 2);
  });
  afterAll(async () => {
    await stage.close();
    await cutter.close();
    await redis.kill();
  });

  const registerUsers = (count: number): Promise<readonly string[]> => {
    const { membership } = stage.as('order-service');
    return Promise.all(
      Array.from({ length: count }, async () => {
        const userId = newId('two');
        const request = { requestId: 'register', userId, identityHashes: [] };
        await mustSucceed(call(membership.registerUser.bind(membership), request, 20_000));
        return userId;
      }),
    );
  };

  /** Kills the processes in turn, and Redis with every second of them, until it is over. */
  const makeTrouble = async (processes: ServiceProcess[], isOver: () => boolean): Promise<void> => {
    while (!isOver()) {
      await pause(KILL_EVERY_MS);
      const victim = kills % processes.length;
      processes[victim]?.kill('SIGKILL');
      expect(await processes[victim]?.ended).toEqual({ code: null, signal: 'SIGKILL' });
      kills += 1;
      if (kills % 2 === 0) {
        await redis.kill();
        await pause(REDIS_AWAY_MS);
        await redis.start();
      }
      processes[victim] = await (stage.places[victim] as Place).start();
    }
  };

  test(
    'no acknowledged effect is lost or doubled, no caller is refused or lied to, every chain and sum holds',
    async () => {
      const processes = await Promise.all(stage.places.map((place) => place.start()));
      const hot = await registerUsers(HOT_USERS);
      const spread = await registerUsers(CALLERS_PER_PROCESS / 2);
      const clients = stage.places.map((place) => place.as('ai-task-service').quota);
      const callers = createQuotaCallers(clients);
      const untilMs = monotonicMs() + SOAK_MS;
      const isOver = (): boolean => {
        const isDone = monotonicMs() > untilMs && cutter.cuts >= CUTS && kills >= KILLS;
        return isDone || callers.wrong.length > 0;
      };
      const caller = async (index: number): Promise<void> => {
        const place = index % stage.places.length;
        const pair = Math.floor(index / 4);
        const userId = (index % 4 < 2 ? hot[pair % HOT_USERS] : spread[pair]) ?? '';
        while (!isOver()) await callers.round(userId, place);
      };
      cutter.cut(['after'], CUT_EVERY, Math.max(CUTS, (CUTS * SOAK_MS) / 60_000));
      const calling = Promise.all(Array.from({ length: CALLERS_PER_PROCESS * 2 }, (_, index) => caller(index)));
      await Promise.all([makeTrouble(processes, isOver), calling]);
      const { answered, unanswered, resolved } = callers;
      process.stderr.write(`${JSON.stringify({ answered, unanswered, resolved, kills, cuts: cutter.cuts })}\n`);

      expect(callers.wrong).toEqual([]);
      // The faults were felt, and both kinds of doubt were resolved.
      expect(callers.unanswered).toBeGreaterThan(0);
      expect(callers.resolved.undone).toBeGreaterThan(0);
      const users = [...hot, ...spread];
      for (const userId of users) await expectExactly(stage.db, userId, callers.rows.get(userId) ?? []);
      await expectToldOnce(stage.db, users);
      expect((await verifyLedgerOf(stage.db.url, undefined, monotonicMs)).fault).toBeUndefined();
    },
    SOAK_MS + 240_000,
  );
});
