import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePorts } from '../../bench/runner/free-ports';
import { seeded } from '../simulation/random';
import { drawTheYear, openStockedWorld, playAndCompare } from '../simulation/the-year';
import { WorkerCrew, type Trouble } from '../simulation/worker-crew';
import type { World } from '../simulation/world';
import { brokenInvariants } from '../support/invariants';
import { severeProblems } from '../support/severe-problems';
import { startPrivateRedis, type PrivateRedis } from '../support/private-redis';

/**
 * Must show 2, R13.9, lesson 13: the year of test/simulation, its jobs done by two worker processes that are killed at random while
 * they work, and Redis emptied and killed in the middle. The oracle knows nothing of that.
 */
describe('a year of memberships with workers that die and a Redis that forgets', () => {
  /** Of the year's users, if nobody asks for more: they live the same lives. */
  const USERS_MAX = Number(process.env['SIMULATION_USERS'] ?? 20);
  const WORKERS = 2;
  /** So many days of a thousand a worker dies. */
  const KILLS_PER_MILLE = 120;
  /** It dies within this time after the day's work has come due. */
  const WITHIN_MS = 150;
  let world: World;
  let server: PrivateRedis;
  let redis: Redis;
  let crew: WorkerCrew;
  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    server = await startPrivateRedis(port);
    redis = new Redis(server.url);
    // It is killed on purpose.
    redis.on('error', () => undefined);
    world = await openStockedWorld({ REDIS_URL: server.url });
    crew = new WorkerCrew(world, server.url);
    await crew.start(WORKERS);
  }, 120_000);
  afterAll(async () => {
    await crew.close();
    await world.close();
    redis.disconnect();
    await server.kill();
  });

  test('the same result: every interval, every grant and every balance is what the oracle says', async () => {
    const year = drawTheYear(USERS_MAX);
    const ticks = year.moments.filter(({ isTick }) => isTick).map(({ time }) => time);
    const at = (share: number): number => ticks[Math.floor(ticks.length * share)] ?? 0;
    const random = seeded(2);
    let emptied = 0;
    const empty: Trouble = async () => {
      await pause(random.between(0, WITHIN_MS));
      await redis.flushall();
      emptied += 1;
    };
    const restart: Trouble = async () => {
      await pause(random.between(0, WITHIN_MS));
      await server.kill();
      await server.start();
      emptied += 1;
    };
    const kill: Trouble = async () => {
      await pause(random.between(0, WITHIN_MS));
      await crew.killOne(random);
    };
    const planned = new Map<number, Trouble>([
      [at(0.3), empty],
      [at(0.5), empty],
      [at(0.6), restart],
      [at(0.8), empty],
    ]);
    const troubleAt = (time: number): Trouble | undefined =>
      planned.get(time) ?? (random.chance(KILLS_PER_MILLE) ? kill : undefined);

    expect(await playAndCompare(year, world, crew.runDue(troubleAt))).toEqual([]);
    expect(emptied).toBe(4);
    expect(crew.kills).toBeGreaterThan(20);
    expect(await world.db.query("SELECT * FROM job_dead_letters WHERE state = 'open'")).toEqual([]);
    expect(await brokenInvariants(world.db)).toEqual([]);
    expect(await severeProblems(world.db, world.clock)).toEqual([]);
  }, 3_600_000);
});
