import { Redis } from 'ioredis';
import { systemClock } from '../../../src/platform/clock';
import { startJobQueues } from '../../../src/platform/jobs/job-queues';
import { createLogger } from '../../../src/platform/log';
import { freePorts } from '../../../bench/runner/free-ports';
import { until } from '../../support/harness';
import { DueWork, JobStage } from '../../support/job-stage';
import { startPrivateRedis } from '../../support/private-redis';
import { startTcpProxy } from '../../support/tcp-proxy';

/** Issue 6, jobs: what is due happens although Redis changes its master, or two versions of the service run side by side. */
describe('jobs in hardship', () => {
  let stage: JobStage;
  let work: DueWork;
  beforeAll(async () => {
    stage = await JobStage.open();
  });
  beforeEach(() => {
    stage.reset();
    work = new DueWork(stage.letters);
  });
  afterEach(() => stage.stopAll());
  afterAll(() => stage.redis.kill());

  test('Redis fails over and what was its master only reads now: connections are made anew, to the new one', async () => {
    const [port = 0] = await freePorts(1);
    const former = await startPrivateRedis(port);
    const proxy = await startTcpProxy(port);
    const admin = new Redis(former.url);
    const queues = startJobQueues([work.job()], {
      redisUrl: `redis://127.0.0.1:${proxy.port}/0`,
      ...{ prefix: stage.prefix, intervalMs: 20, lockMs: 10_000, letters: stage.letters, clock: systemClock },
      retry: { attempts: 3, firstMs: 10 },
      observer: { jobEnded: () => undefined },
      log: createLogger({ level: 'silent', role: 'worker' }),
    });
    try {
      work.add(3);
      await until('they ran', work.isDone);
      proxy.switchTo(Number(new URL(stage.redis.url).port));
      await admin.replicaof('127.0.0.1', Number(new URL(stage.redis.url).port));
      work.add(3);
      await until('they ran', work.isDone);
    } finally {
      await queues.stop(1_000);
      admin.disconnect();
      await proxy.close();
      await former.kill();
    }
  });

  test('processes that want different intervals, as while a setting is rolled out, do not keep ticks from coming', async () => {
    stage.start([work.job()], { intervalMs: 1_900 });
    stage.start([work.job()], { intervalMs: 2_900 });
    for (let round = 0; round < 3; round += 1) {
      work.add(1);
      const startMs = Date.now();
      await until('it ran', work.isDone);
      expect(Date.now() - startMs).toBeLessThan(8_000);
    }
  });
});
