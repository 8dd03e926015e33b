import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { systemClock } from '../../../src/platform/clock';
import { slotWork, sweepWork } from '../../../src/platform/jobs/job-work';
import { assertSchedulers } from '../../../src/platform/jobs/schedulers';
import { latestSlot } from '../../../src/platform/time';
import { until } from '../../support/harness';
import { MemorySlots } from '../../support/job-memory';
import { DueWork, JobStage } from '../../support/job-stage';

/** Longer than any test. */
const NEVER_MS = 600_000;
const DAILY = { hour: 3, minute: 20 };

/** Issue 6, jobs: schedulers in Redis, in Asia/Shanghai, that survive Redis being emptied and workers being killed. */
describe('the schedulers of jobs', () => {
  let stage: JobStage;
  let work: DueWork;
  let queue: Queue;
  let connection: Redis;

  beforeAll(async () => {
    stage = await JobStage.open();
    connection = new Redis(stage.redis.url, { maxRetriesPerRequest: null });
  });
  beforeEach(async () => {
    stage.reset();
    await connection.flushall();
    work = new DueWork(stage.letters);
    queue = new Queue('ticks', { connection, prefix: stage.prefix });
  });
  afterEach(async () => {
    await stage.stopAll();
    await queue.close();
  });
  afterAll(async () => {
    connection.disconnect();
    await stage.redis.kill();
  });
  const assert = (everyMs: number, nowMs = systemClock.machineNow().getTime(), daily?: typeof DAILY) =>
    assertSchedulers(
      queue,
      [daily === undefined ? { name: 'test-work' } : { name: 'test-work', slots: daily }],
      everyMs,
      nowMs,
    );
  const nextOf = async () => (await queue.getJobScheduler('test-work'))?.next;

  test('one that is there is left alone: being asserted does not put it off', async () => {
    await assert(NEVER_MS);
    const [first] = await queue.getDelayed();
    // Its first tick is due at once, and then in ten minutes.
    const next = await nextOf();
    for (let times = 0; times < 5; times += 1) await assert(NEVER_MS);
    expect(await nextOf()).toBe(next);
    expect((await queue.getDelayed()).map(({ id }) => id)).toEqual(first === undefined ? [] : [first.id]);
  });

  test('one that is missing, of another interval, or whose tick was lost, is made anew and due at once', async () => {
    const nowMs = systemClock.machineNow().getTime();
    await assert(NEVER_MS);
    await assert(NEVER_MS / 2);
    expect(await queue.getJobScheduler('test-work')).toMatchObject({ every: NEVER_MS / 2 });
    const due = async () => ((await nextOf()) ?? Infinity) - nowMs;
    expect(await due()).toBeLessThan(60_000);
    // As when a process died between taking the tick and making the next.
    await connection.zadd(`${stage.prefix}:ticks:repeat`, nowMs - 2 * NEVER_MS, 'test-work');
    await queue.drain(true);
    await assert(NEVER_MS / 2);
    expect(await nextOf()).toBeGreaterThan(nowMs);
    expect((await queue.getDelayed()).length + (await queue.getWaiting()).length).toBeGreaterThan(0);
    await connection.flushall();
    await assert(NEVER_MS);
    expect(await due()).toBeLessThan(60_000);
  });

  test('lesson 50: a daily one ticks at its time of day in Shanghai', async () => {
    await assert(NEVER_MS, undefined, DAILY);
    const next = new Date((await nextOf()) ?? 0);
    // 03:20 in Shanghai is 19:20 in UTC, on the day before.
    expect(next.toISOString().slice(10)).toBe('T19:20:00.000Z');
    expect(next.getTime() - Date.now()).toBeLessThanOrEqual(86_400_000);
  });

  test('Redis emptied in the middle: what is due afterwards is done all the same, again and again', async () => {
    stage.start([work.job()]);
    for (let times = 0; times < 3; times += 1) {
      await connection.flushall();
      work.add(10);
      await until('it is done', work.isDone);
    }
    expect(new Set(work.ran).size).toBe(30);
    expect(stage.warnings()).toEqual([]);
  });

  test('a scheduler that no version knows any more goes with its first tick', async () => {
    await queue.upsertJobScheduler('of-yesterday', { every: 10 }, { name: 'of-yesterday' });
    stage.start([work.job()]);
    await until('it is gone', async () => (await queue.getJobScheduler('of-yesterday')) === undefined);
    await until('the others stay', async () => (await queue.getJobScheduler('test-work')) !== undefined);
  });

  test('a process looks when it begins, whatever the schedulers in Redis say', async () => {
    await assert(NEVER_MS);
    await queue.drain(true);
    work.add(3);
    stage.start([work.job()], { intervalMs: NEVER_MS });
    await until('it is done', work.isDone);
  });

  test('two processes: a sweep is never run by both at the same time, and both share its runs', async () => {
    let [now, most, runs] = [0, 0, 0];
    const run = async () => {
      runs += 1;
      most = Math.max(most, (now += 1));
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      return 0;
    };
    for (let replica = 0; replica < 2; replica += 1)
      stage.start([sweepWork({ name: 'test-sweep', run }, stage.letters)]);
    await until('it ran often', () => Promise.resolve(runs >= 20));
    expect(most).toBe(1);
  });

  describe('a daily job', () => {
    const batch = (ran: number[], sizes: number[]) => ({
      name: 'test-daily',
      batchSize: 5,
      run: () => {
        const due = sizes.shift() ?? 0;
        ran.push(due);
        return Promise.resolve(due);
      },
    });

    test('is done once for its day by three processes, with all its batches, and not again though Redis is emptied', async () => {
      const slots = new MemorySlots(systemClock);
      const ran: number[] = [];
      const job = batch(ran, [5, 5, 2]);
      const stores = { letters: stage.letters, slots, clock: systemClock };
      const works = [slotWork(job, DAILY, stores), work.job()];
      for (let replica = 0; replica < 3; replica += 1) stage.start(works);
      const slot = latestSlot(systemClock.now(), DAILY);
      await until('the day is done', () => Promise.resolve(slots.ended.includes(slot)));
      await connection.flushall();
      // A process that begins looks for days that were missed.
      stage.start(works);
      work.add(5);
      await until('the queues go on', work.isDone);
      expect([ran, slots.ended]).toEqual([[5, 5, 2], [slot]]);
    });

    test('makes up for the last day that was missed, once, and not for those before it', async () => {
      const slots = new MemorySlots(systemClock);
      const ran: number[] = [];
      let now = new Date('2026-03-01T00:00:00Z');
      const stores = { letters: stage.letters, slots, clock: { now: () => now } };
      const daily = slotWork(batch(ran, []), DAILY, stores);
      const dueNow = async () => (await daily.findDue(10)).map(({ id }) => id);
      expect(await dueNow()).toEqual(['2026-03-01']);
      await daily.run('2026-03-01', new AbortController().signal);
      expect(await dueNow()).toEqual([]);
      // Five days without a worker.
      now = new Date('2026-03-06T19:19:59.999Z');
      expect(await dueNow()).toEqual(['2026-03-06']);
      // The next begins at 03:20 in Shanghai.
      now = new Date('2026-03-06T19:20:00Z');
      expect(await dueNow()).toEqual(['2026-03-07']);
    });

    test('that fails gives its day back, and is tried again', async () => {
      const slots = new MemorySlots(systemClock);
      let runs = 0;
      const run = () => ((runs += 1) < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve(0));
      const stores = { letters: stage.letters, slots, clock: systemClock };
      stage.start([slotWork({ name: 'test-daily', run }, DAILY, stores)], { intervalMs: NEVER_MS });
      await until('the day is done', () => Promise.resolve(slots.ended.length === 1));
      expect(runs).toBe(3);
    });
  });
});
