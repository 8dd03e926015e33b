import { monotonicMs } from '../../../src/platform/clock';
import { createTaskStatusSource } from '../../../src/quota';
import { TASK_KEYS_MAX, type TaskKey, type TaskState } from '../../../src/quota/task-status';
import { newId } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { startTaskService, tlsMaterialOf, type TaskService } from '../../support/task-service';
import { createTestCa, type KeyPair } from '../../support/tls';

/**
 * R3.3, R10.5: quota whose caller died is settled by what the task service says, so an answer is either about the very
 * tasks asked about, or no answer at all.
 */

const { tlsDir } = readInfra();
const own = tlsMaterialOf(tlsDir, 'server');
const TIMEOUT_MS = 1_000;

let service: TaskService;
const clients: { close(): void }[] = [];

/** A client as the worker has it, with billing-guard's own certificate. */
function sourceFor(address: string, tls = own, timeoutMs = TIMEOUT_MS) {
  const source = createTaskStatusSource({ address, tls, timeoutMs });
  clients.push(source);
  return source;
}

function newTask(): TaskKey {
  return { userId: newId('u'), taskId: newId('t') };
}

/** A task that the service was told about. */
function taskThatIs(state: Parameters<TaskService['tell']>[1]): TaskKey {
  const task = newTask();
  service.tell(task, state);
  return task;
}

beforeAll(async () => {
  service = await startTaskService(own);
});
beforeEach(() => service.answer());
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(() => service.stop());

describe('an answer', () => {
  test.each<TaskState>(['SUCCEEDED', 'FAILED', 'RUNNING', 'UNKNOWN'])('of %s is told as it is', async (state) => {
    await expect(sourceFor(service.address).ask([taskThatIs(state)])).resolves.toEqual([state]);
  });

  test('about a task that the service never saw is UNKNOWN', async () => {
    await expect(sourceFor(service.address).ask([newTask()])).resolves.toEqual(['UNKNOWN']);
  });

  test.each(['UNSPECIFIED', 99, -1] as const)('of %s is UNKNOWN, and the others stay what they are', async (state) => {
    const tasks = [taskThatIs('FAILED'), taskThatIs(state), taskThatIs('SUCCEEDED')];
    await expect(sourceFor(service.address).ask(tasks)).resolves.toEqual(['FAILED', 'UNKNOWN', 'SUCCEEDED']);
  });

  test('keeps the order of the question, of as many tasks as fit into one', async () => {
    const states: readonly TaskState[] = ['RUNNING', 'SUCCEEDED', 'UNKNOWN', 'FAILED', 'SUCCEEDED'];
    const wanted = Array.from({ length: TASK_KEYS_MAX }, (_, i) => states[i % states.length] ?? 'UNKNOWN');
    const tasks = wanted.map(taskThatIs);
    await expect(sourceFor(service.address).ask(tasks)).resolves.toEqual(wanted);
    expect(service.asked.at(-1)).toEqual(tasks);
  });

  test('is asked for anew each time: a running task ends', async () => {
    const source = sourceFor(service.address);
    const task = taskThatIs('RUNNING');
    await expect(source.ask([task])).resolves.toEqual(['RUNNING']);
    service.tell(task, 'FAILED');
    await expect(source.ask([task])).resolves.toEqual(['FAILED']);
  });

  test('comes to billing-guard, which shows its own certificate, by name or by IP address', async () => {
    const byAddress = service.address.replace('localhost', '127.0.0.1');
    await expect(sourceFor(byAddress).ask([taskThatIs('FAILED')])).resolves.toEqual(['FAILED']);
    expect(service.callers.at(-1)).toContain('URI:spiffe://billing/system/billing-guard');
  });
});

describe('a question', () => {
  test('about nothing is not asked', async () => {
    const calls = service.asked.length;
    await expect(sourceFor(service.address).ask([])).resolves.toEqual([]);
    expect(service.asked).toHaveLength(calls);
  });

  test('about more tasks than fit is a mistake of ours, and not asked', async () => {
    const calls = service.asked.length;
    const tasks = Array.from({ length: TASK_KEYS_MAX + 1 }, newTask);
    await expect(sourceFor(service.address).ask(tasks)).rejects.toThrow(RangeError);
    expect(service.asked).toHaveLength(calls);
  });
});

describe('no answer is given, never a state,', () => {
  type Distortion = NonNullable<Parameters<TaskService['nonsense']>[0]>;

  test.each<[string, Distortion | undefined]>([
    ['one task too few', undefined],
    ['no task at all', () => []],
    ['one task too many', (statuses) => [...statuses, ...statuses.slice(0, 1)]],
    ['the tasks in another order', (statuses) => statuses.toReversed()],
    ["another user's task", ([first, ...rest]) => [{ ...first!, userId: 'someone-else' }, ...rest]],
    ['another task', ([first, ...rest]) => [{ ...first!, taskId: 'something-else' }, ...rest]],
  ])('by an answer about %s', async (_what, distortion) => {
    service.nonsense(distortion);
    const tasks = [taskThatIs('FAILED'), taskThatIs('SUCCEEDED')];
    await expect(sourceFor(service.address).ask(tasks)).rejects.toThrow(/the task service .*answered about/);
  });

  test('by an answer that can not be encoded', async () => {
    service.nonsense(() => [{ userId: 7 } as never]);
    await expect(sourceFor(service.address).ask([newTask()])).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  test('by a task service that is down, within the time-out; once it is up again it is asked again', async () => {
    const moving = await startTaskService(own);
    const source = sourceFor(moving.address);
    const task = newTask();
    moving.tell(task, 'FAILED');
    await expect(source.ask([task])).resolves.toEqual(['FAILED']);
    await moving.down();
    const startedMs = monotonicMs();
    await expect(source.ask([task])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(monotonicMs() - startedMs).toBeLessThan(TIMEOUT_MS + 500);
    await moving.up();
    const answered = async (): Promise<readonly TaskState[]> => {
      for (;;) {
        const states = await source.ask([task]).catch(() => new Promise((resolve) => setImmediate(resolve)));
        if (Array.isArray(states)) return states as TaskState[];
      }
    };
    await expect(answered()).resolves.toEqual(['FAILED']);
    await moving.stop();
  });

  test('by a task service that never answers, at the time-out and asked once', async () => {
    service.slow();
    const calls = service.asked.length;
    const startedMs = monotonicMs();
    const asking = sourceFor(service.address).ask([taskThatIs('FAILED')]);
    await expect(asking).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const tookMs = monotonicMs() - startedMs;
    expect(tookMs).toBeGreaterThan(TIMEOUT_MS - 50);
    expect(tookMs).toBeLessThan(TIMEOUT_MS + 500);
    expect(service.asked).toHaveLength(calls + 1);
  });

  test('to whoever gives up: at once when the signal aborts, and without a call when it has', async () => {
    service.slow();
    const source = sourceFor(service.address, own, 20_000);
    const calls = service.asked.length;
    const giving = new AbortController();
    const asking = source.ask([newTask()], giving.signal);
    while (service.asked.length === calls) await new Promise((resolve) => setImmediate(resolve));
    giving.abort();
    await expect(asking).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(source.ask([newTask()], giving.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(service.asked).toHaveLength(calls + 1);
  });
});

/** Whoever could answer in the task service's place could have every task's quota returned. */
describe('nobody answers in place of the task service:', () => {
  const ca = createTestCa();
  const ours = { ca: ca.ca, ...ca.issueClient('URI:spiffe://billing/system/billing-guard') };

  /** Asks a server with the first certificate as a client with the second; the task has failed. */
  async function askAs(server: KeyPair, client: { ca: string } & KeyPair): Promise<readonly TaskState[]> {
    const impostor = await startTaskService({ ca: ca.ca, ...server });
    const task = newTask();
    impostor.tell(task, 'FAILED');
    try {
      return await sourceFor(impostor.address, client).ask([task]);
    } finally {
      await impostor.stop();
    }
  }

  test('the right certificates on both sides are let in', async () => {
    await expect(askAs(ca.issueServer(), ours)).resolves.toEqual(['FAILED']);
  });

  test.each<[string, RegExp, () => KeyPair]>([
    ['of another CA', /verify/, () => createTestCa().issueServer()],
    ['that names another host', /altnames/, () => ca.issueClient('DNS:elsewhere.invalid')],
    ['that names no host', /DNS name/, () => ca.issueClient('URI:spiffe://billing/ai-task-service/localhost')],
    ['whose common name alone is the host', /DNS name/, () => ca.issueCommonName('localhost')],
  ])('a server certificate %s is refused', async (_what, why, issue) => {
    const refused = { code: 'UNAVAILABLE', message: expect.stringMatching(why) };
    await expect(askAs(issue(), ours)).rejects.toMatchObject(refused);
  });

  test('an identity that may only call can not serve', async () => {
    const caller = await startTaskService(tlsMaterialOf(tlsDir, 'ai-task-service'));
    const refused = { code: 'UNAVAILABLE', message: expect.stringMatching(/certificate purpose/) };
    await expect(sourceFor(caller.address).ask([newTask()])).rejects.toMatchObject(refused);
    await caller.stop();
  });

  test('a client certificate of another CA gets no answer', async () => {
    const foreign = { ca: ca.ca, ...createTestCa().issueClient('URI:spiffe://billing/system/billing-guard') };
    await expect(askAs(ca.issueServer(), foreign)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
