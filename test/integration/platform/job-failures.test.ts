import { platformErrors } from '../../../src/platform/errors';
import { sweepWork } from '../../../src/platform/jobs/job-work';
import { until } from '../../support/harness';
import { DueWork, JobStage } from '../../support/job-stage';

/** Issue 6, jobs: retries with growing pauses, then a dead letter that people see and have run again. */
describe('a job that fails', () => {
  let stage: JobStage;
  let work: DueWork;
  const letterOf = (subject: string, job = work.name) => stage.letters.letters.get(`${job} ${subject}`);
  const isOpen = (subject: string, job?: string) => () => Promise.resolve(letterOf(subject, job)?.state === 'open');

  beforeAll(async () => {
    stage = await JobStage.open();
  });
  beforeEach(() => {
    stage.reset();
    work = new DueWork(stage.letters);
  });
  afterEach(() => stage.stopAll());
  afterAll(() => stage.redis.kill());

  test('is tried again after a pause, while the others go on, and leaves no letter when it succeeds', async () => {
    const [id = ''] = work.add(1);
    work.during = (subject) =>
      subject === id && work.ran.filter((one) => one === id).length < 3
        ? Promise.reject(new Error('not yet'))
        : Promise.resolve();
    work.add(5);
    stage.start([work.job(1)]);
    await until('all are done', work.isDone);
    expect(work.ran.filter((one) => one === id)).toHaveLength(3);
    // It was not waited for.
    expect(work.ran.at(-1)).toBe(id);
    expect([...stage.outcomes].sort()).toEqual(['done', 'done', 'done', 'done', 'done', 'done', 'failed', 'failed']);
    expect(stage.letters.letters.size).toBe(0);
  });

  test('is a dead letter with its error after the last attempt, is left alone though it is due, and holds up nobody', async () => {
    const [id = ''] = work.add(1);
    work.during = (subject) => (subject === id ? Promise.reject(new TypeError('broken data')) : Promise.resolve());
    stage.start([work.job()]);
    await until('it is given up', isOpen(id));
    expect(letterOf(id)).toEqual({ state: 'open', error: 'TypeError: broken data', attempts: 3 });
    work.add(20);
    await until('the others are done', () => Promise.resolve(work.due.size === 1));
    const looks = work.looks;
    await until('it was looked at again', () => Promise.resolve(work.looks > looks + 2));
    expect(work.ran.filter((one) => one === id)).toHaveLength(3);
  });

  test('more letters than a look takes do not hide what is due behind them', async () => {
    const dead = work.add(600);
    for (const subject of dead) await stage.letters.bury({ job: work.name, subject, error: 'x', attempts: 1 });
    const [alive] = work.add(1);
    stage.start([work.job()]);
    await until('the living is done', () => Promise.resolve(work.due.size === 600));
    expect(work.ran).toEqual([alive]);
  });

  test('is run again when somebody says so, due or not, and its success resolves the letter', async () => {
    const [id = ''] = work.add(1);
    let isMended = false;
    work.during = () => (isMended ? Promise.resolve() : Promise.reject(new Error('broken')));
    stage.start([work.job()]);
    await until('it is given up', isOpen(id));
    // Again in vain: open again, with all attempts counted.
    stage.letters.rerun(work.name, id);
    await until('it is given up again', isOpen(id));
    expect([work.ran.length, letterOf(id)?.attempts]).toEqual([6, 6]);
    isMended = true;
    work.due.delete(id);
    stage.letters.rerun(work.name, id);
    await until('it is resolved', () => Promise.resolve(letterOf(id)?.state === 'resolved'));
    expect(work.ran).toHaveLength(7);
  });

  test('for want of the database or of WeChat Pay never makes a letter: it runs when it is due', async () => {
    const [id] = work.add(1);
    work.during = () =>
      work.ran.length < 8 ? Promise.reject(platformErrors.DATABASE_UNAVAILABLE()) : Promise.resolve();
    stage.start([work.job()]);
    await until('it succeeded', work.isDone);
    expect(work.ran).toEqual(Array.from({ length: 8 }, () => id));
    await until('it is told', () => Promise.resolve(stage.outcomes.length === 8));
    expect(stage.outcomes).toEqual([...Array.from({ length: 7 }, () => 'postponed'), 'done']);
    expect(stage.letters.letters.size).toBe(0);
  });

  test('and whose letter can not be written is due again, not lost', async () => {
    const [id] = work.add(1);
    stage.letters.bury = () => Promise.reject(new Error('the database is away'));
    work.during = () => (work.ran.length < 5 ? Promise.reject(new Error('broken')) : Promise.resolve());
    stage.start([work.job()]);
    await until('it succeeded', work.isDone);
    expect(work.ran).toEqual(Array.from({ length: 5 }, () => id));
  });

  test('a sweep goes on being scheduled with an open letter, which the next success resolves', async () => {
    let isMended = false;
    let runs = 0;
    const run = () => {
      runs += 1;
      return isMended ? Promise.resolve(0) : Promise.reject(new Error('broken sweep'));
    };
    stage.start([sweepWork({ name: 'test-sweep', run }, stage.letters)]);
    await until('it is given up', isOpen('all', 'test-sweep'));
    await until('it goes on', () => Promise.resolve(runs > 4));
    isMended = true;
    await until('it is resolved', () => Promise.resolve(letterOf('all', 'test-sweep')?.state === 'resolved'));
    expect(letterOf('all', 'test-sweep')).toMatchObject({ error: 'Error: broken sweep' });
  });
});
