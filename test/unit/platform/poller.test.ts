import { startPoller, type PolledJob } from '../../../src/platform/jobs/poller';
import { createLogger } from '../../../src/platform/log';

const log = createLogger({ level: 'fatal', role: 'worker', destination: { write: () => undefined } });
/** Longer than any test: what runs, runs in the first round. */
const NEVER_MS = 600_000;

/** A job that finds these numbers of things due, one after another, then nothing. */
function finding(name: string, due: number[], ran: string[], more: Partial<PolledJob> = {}): PolledJob {
  const run = (): Promise<number> => {
    ran.push(name);
    return Promise.resolve(due.shift() ?? 0);
  };
  return { name, run, ...more };
}

/** A promise and what resolves it. */
function signalOnce(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Resolves in the last job of a round. */
function lastJob(): { readonly job: PolledJob; readonly ran: Promise<void> } {
  const { promise, resolve } = signalOnce();
  const run = (): Promise<number> => {
    resolve();
    return Promise.resolve(0);
  };
  return { job: { name: 'last', run }, ran: promise };
}

describe('a poller', () => {
  test('follows a full batch by the next at once, and a part of one by the next job', async () => {
    const ran: string[] = [];
    const last = lastJob();
    const jobs = [finding('a', [5, 5, 4, 5], ran, { batchSize: 5 }), finding('b', [1], ran, { batchSize: 5 })];
    const poller = startPoller([...jobs, last.job], NEVER_MS, log);
    await last.ran;
    await poller.stop();
    expect(ran).toEqual(['a', 'a', 'a', 'b']);
  });

  test('runs a job without a batch size once a round, however much it found', async () => {
    const ran: string[] = [];
    const last = lastJob();
    const poller = startPoller([finding('a', [1_000, 1_000], ran), last.job], NEVER_MS, log);
    await last.ran;
    await poller.stop();
    expect(ran).toEqual(['a']);
  });

  test('gives the next job its turn when one always finds full batches', async () => {
    const last = lastJob();
    // Each run takes a turn of the event loop, as one of a database would; the turn ends by the clock.
    const run = () => new Promise<number>((resolve) => setImmediate(() => resolve(5)));
    const poller = startPoller([{ name: 'endless', batchSize: 5, run }, last.job], NEVER_MS, log);
    await last.ran;
    await poller.stop();
  });

  test('goes on with the next job when one fails', async () => {
    const last = lastJob();
    const run = () => Promise.reject(new Error('broken'));
    const poller = startPoller([{ name: 'broken', batchSize: 5, run }, last.job], NEVER_MS, log);
    await last.ran;
    await poller.stop();
  });

  test('tells the run in flight that it stops, waits for it, and begins no other', async () => {
    const ran: string[] = [];
    const started = signalOnce();
    const run = async (signal: AbortSignal): Promise<number> => {
      started.resolve();
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      ran.push('ended');
      return 5;
    };
    const jobs = [{ name: 'long', batchSize: 5, run }, finding('b', [1], ran)];
    const poller = startPoller(jobs, NEVER_MS, log);
    await started.promise;
    await poller.stop();
    expect(ran).toEqual(['ended']);
  });
});
