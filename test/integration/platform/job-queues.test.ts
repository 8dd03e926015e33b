import { Redis } from 'ioredis';
import { until } from '../../support/harness';
import { DueWork, JobStage } from '../../support/job-stage';

const AWAY = 'Redis is away; jobs wait';
const BACK = 'Redis is back; jobs go on';

/** Requirement R13.9 and lesson 13: the queue spreads work and remembers nothing; the database says what is due. */
describe('the queues of jobs', () => {
  let stage: JobStage;
  let work: DueWork;
  const start = (concurrency?: number) => stage.start([work.job(concurrency)]);

  beforeAll(async () => {
    stage = await JobStage.open();
  });
  beforeEach(() => {
    stage.reset();
    work = new DueWork(stage.letters);
  });
  afterEach(() => stage.stopAll());
  afterAll(() => stage.redis.kill());

  test('two processes that find the same due do each subject once, whatever its id looks like, and hardly ever run one in vain', async () => {
    // Long enough to be met by another run of the same subject.
    work.during = () => new Promise((resolve) => setImmediate(resolve));
    const ids = [...work.add(200), '42', 'a b:c/%'];
    for (const id of ids) work.due.add(id);
    for (let replica = 0; replica < 2; replica += 1) start();
    await until('everything ran', work.isDone);
    expect([...work.done].sort()).toEqual([...ids].sort());
    // A look may put in again what was done between its question and its answer.
    expect(work.ran.length).toBeLessThan(ids.length * 1.1);
    expect(work.overlaps).toEqual([]);
  });

  test('no more of one job run at the same time in a process than it says', async () => {
    let [now, most] = [0, 0];
    work.during = async () => {
      most = Math.max(most, (now += 1));
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
    };
    work.add(50);
    start(3);
    await until('everything ran', work.isDone);
    expect(most).toBe(3);
  });

  test('stopping waits for the job in flight, and takes nothing more', async () => {
    let release = (): void => undefined;
    work.during = () => new Promise((resolve) => void (release = resolve));
    work.add(3);
    const queues = start(1);
    await until('one is in flight', () => Promise.resolve(work.ran.length === 1));
    let isStopped = false;
    const stopping = queues.stop(5_000).then(() => void (isStopped = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isStopped).toBe(false);
    release();
    await stopping;
    expect([work.ran.length, work.due.size]).toEqual([1, 2]);
  });

  test('one that overstays the drain is aborted, and another process takes it up; it is no failure of its own', async () => {
    work.during = (_, signal) =>
      work.ran.length > 1
        ? Promise.resolve()
        : new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    const [id] = work.add(1);
    const queues = start();
    await until('it is in flight', () => Promise.resolve(work.ran.length === 1));
    await queues.stop(50);
    expect([...work.due]).toEqual([id]);
    start();
    await until('the other has done it', work.isDone);
    expect([work.ran, stage.letters.letters.size]).toEqual([[id, id], 0]);
    await until('it is told', () => Promise.resolve(stage.outcomes.length === 2));
    expect(stage.outcomes).toEqual(['postponed', 'done']);
  });

  test('Redis killed: nothing fails or piles up; back and empty: work goes on by itself', async () => {
    start();
    work.add(1);
    await until('it works', work.isDone);
    await stage.redis.kill();
    await until('it is noticed', () => stage.said(AWAY));
    work.add(20);
    await stage.redis.start();
    await until('it works again', work.isDone);
    expect(work.done).toHaveLength(21);
    expect(stage.warnings()).toEqual([AWAY]);
    expect(stage.lines.filter(({ msg }) => msg === BACK)).toHaveLength(1);
  });

  test('Redis emptied under a job: what follows it runs all the same, and nobody says that Redis is away until it is', async () => {
    const [first] = work.add(1);
    const client = new Redis(stage.redis.url);
    work.during = async (id) => {
      if (id === first && work.ran.length === 1) await client.flushall();
    };
    start(1);
    await until('it is done', work.isDone);
    client.disconnect();
    const others = work.add(5);
    await until('the others are', work.isDone);
    // What was found due before may have been put in again after: Redis had forgotten that it was there.
    expect(work.done.filter((id) => id !== first)).toEqual(others);
    expect([...new Set(stage.outcomes)]).toEqual(['done']);
    expect(stage.warnings()).toEqual([]);
    await stage.redis.kill();
    await until('it is noticed', () => stage.said(AWAY));
    await stage.redis.start();
  });

  test('a process that starts before Redis works once it is there', async () => {
    await stage.redis.kill();
    start();
    work.add(5);
    await until('it is noticed', () => stage.said(AWAY));
    await stage.redis.start();
    await until('it works', work.isDone);
    expect(work.done).toHaveLength(5);
  });

  test('stopping without Redis ends within its time, and so does starting and stopping', async () => {
    const running = start();
    work.add(1);
    await until('it works', work.isDone);
    await stage.redis.kill();
    const startedMs = performance.now();
    await running.stop(1_000);
    await start().stop(1_000);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await stage.redis.start();
  });
});
