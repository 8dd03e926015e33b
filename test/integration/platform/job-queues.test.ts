import { Redis } from 'ioredis';
import { startJobQueues, type JobQueues } from '../../../src/platform/jobs/job-queues';
import type { QueuedJob } from '../../../src/platform/jobs/queued-job';
import { createLogger } from '../../../src/platform/log';
import { freePorts } from '../../../bench/runner/free-ports';
import { newId, until } from '../../support/harness';
import { startPrivateRedis, type PrivateRedis } from '../../support/private-redis';

/** Subjects that are due until they are done: the database's part, played by a set. */
class DueWork {
  readonly due = new Set<string>();
  readonly ran: string[] = [];
  /** What running one does, after it was noted. */
  during: (id: string, signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  job(concurrency = 4): QueuedJob {
    return {
      name: 'test-work',
      concurrency,
      findDue: (most) => Promise.resolve([...this.due].slice(0, most)),
      run: async (id, signal) => {
        this.ran.push(id);
        await this.during(id, signal);
        this.due.delete(id);
      },
    };
  }

  /** So many new subjects. */
  add(count: number): readonly string[] {
    const ids = Array.from({ length: count }, (_, i) => `01:${newId(String(i))}`);
    for (const id of ids) this.due.add(id);
    return ids;
  }
}

/** Requirement R13.9 and lesson 13: the queue spreads work and remembers nothing; the database says what is due. */
describe('the queues of jobs', () => {
  let redis: PrivateRedis;
  let prefix: string;
  const lines: Record<string, unknown>[] = [];
  const started: JobQueues[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const log = createLogger({ level: 'debug', role: 'worker', destination });
  const start = (work: DueWork, concurrency?: number): JobQueues => {
    const options = { redisUrl: redis.url, prefix, intervalMs: 20, log };
    const queues = startJobQueues([work.job(concurrency)], options);
    started.push(queues);
    return queues;
  };
  const isDone = (work: DueWork) => () => Promise.resolve(work.due.size === 0);

  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    redis = await startPrivateRedis(port);
  });
  beforeEach(() => {
    prefix = newId('queues');
    lines.length = 0;
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((queues) => queues.stop(1_000)));
  });
  afterAll(() => redis.kill());

  test('two processes that find the same due run each subject once, whatever its id looks like', async () => {
    const work = new DueWork();
    const ids = [...work.add(200), '42', 'a b:c/%'];
    for (const id of ids) work.due.add(id);
    for (let replica = 0; replica < 2; replica += 1) start(work);
    await until('everything ran', isDone(work));
    expect([...work.ran].sort()).toEqual([...ids].sort());
  });

  test('no more of one job run at the same time in a process than it says', async () => {
    const work = new DueWork();
    let [now, most] = [0, 0];
    work.during = async () => {
      most = Math.max(most, (now += 1));
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
    };
    work.add(50);
    start(work, 3);
    await until('everything ran', isDone(work));
    expect(most).toBe(3);
  });

  test('one that fails is logged, leaves nothing in the queue, and runs again because the database says so', async () => {
    const work = new DueWork();
    const [id] = work.add(1);
    work.during = () => (work.ran.length < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve());
    start(work);
    await until('it succeeded', isDone(work));
    expect(work.ran).toEqual([id, id, id]);
    expect(lines.filter((line) => line['msg'] === 'a job failed; it runs again when it is due')).toHaveLength(2);
  });

  test('stopping waits for the job in flight, and takes nothing more', async () => {
    const work = new DueWork();
    let release = (): void => undefined;
    work.during = () => new Promise((resolve) => void (release = resolve));
    work.add(3);
    const queues = start(work, 1);
    await until('one is in flight', () => Promise.resolve(work.ran.length === 1));
    let isStopped = false;
    const stopping = queues.stop(5_000).then(() => void (isStopped = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isStopped).toBe(false);
    release();
    await stopping;
    expect([work.ran.length, work.due.size]).toEqual([1, 2]);
  });

  test('one that overstays the drain is aborted, and another process takes it up', async () => {
    const work = new DueWork();
    work.during = (_, signal) =>
      work.ran.length > 1
        ? Promise.resolve()
        : new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    const [id] = work.add(1);
    const queues = start(work);
    await until('it is in flight', () => Promise.resolve(work.ran.length === 1));
    await queues.stop(50);
    expect([...work.due]).toEqual([id]);
    start(work);
    await until('the other has done it', isDone(work));
    expect(work.ran).toEqual([id, id]);
  });

  test('Redis killed: nothing fails or piles up; back and empty: work goes on by itself', async () => {
    const work = new DueWork();
    start(work);
    work.add(1);
    await until('it works', isDone(work));
    await redis.kill();
    await until('it is noticed', () => Promise.resolve(lines.some(({ msg }) => msg === 'Redis is away; jobs wait')));
    work.add(20);
    await redis.start();
    await until('it works again', isDone(work));
    expect(work.ran).toHaveLength(21);
    const warnings = lines.filter(({ level }) => level !== 'info' && level !== 'debug');
    // How the first one ended may have been on its way to the Redis that was killed.
    const ofRedis = warnings.filter(({ msg }) => msg !== 'Redis has lost a job under way; it runs again if it is due');
    expect(ofRedis.map(({ msg }) => msg)).toEqual(['Redis is away; jobs wait']);
    expect(lines.filter(({ msg }) => msg === 'Redis is back; jobs go on')).toHaveLength(1);
  });

  test('Redis emptied under a job: what follows it runs all the same, and nobody says that Redis is away until it is', async () => {
    const work = new DueWork();
    const [first] = work.add(1);
    const client = new Redis(redis.url);
    work.during = async (id) => {
      if (id === first) await client.flushall();
    };
    start(work, 1);
    await until('it is done', isDone(work));
    client.disconnect();
    work.add(5);
    await until('the others are', isDone(work));
    expect(work.ran).toHaveLength(6);
    const warnings = () => lines.filter(({ level }) => level !== 'info' && level !== 'debug').map(({ msg }) => msg);
    // Neither how it ended nor that it failed could be noted.
    expect(new Set(warnings())).toEqual(new Set(['Redis has lost a job under way; it runs again if it is due']));
    await redis.kill();
    await until('it is noticed', () => Promise.resolve(warnings().includes('Redis is away; jobs wait')));
    await redis.start();
  });

  test('a process that starts before Redis works once it is there', async () => {
    await redis.kill();
    const work = new DueWork();
    start(work);
    work.add(5);
    await until('it is noticed', () => Promise.resolve(lines.some(({ msg }) => msg === 'Redis is away; jobs wait')));
    await redis.start();
    await until('it works', isDone(work));
    expect(work.ran).toHaveLength(5);
  });

  test('stopping without Redis ends within its time, and so does starting and stopping', async () => {
    const work = new DueWork();
    const running = start(work);
    work.add(1);
    await until('it works', isDone(work));
    await redis.kill();
    const startedMs = performance.now();
    await running.stop(1_000);
    await start(work).stop(1_000);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await redis.start();
  });
});
