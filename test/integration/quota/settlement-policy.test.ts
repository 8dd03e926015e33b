import { verifyLedgerOf } from '../../../src/cli/verify-ledger';
import { TaskOutcome } from '../../../src/gen/billing/v1/quota_service.pb';
import { monotonicMs } from '../../../src/platform/clock';
import { MS_PER_DAY } from '../../../src/platform/time';
import { mustSucceed } from '../../support/clients';
import { registerUser, startHarness, until, type Harness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { metric } from '../../support/observe';
import {
  abandon,
  advanceMinutes,
  CASE_MINUTES,
  casesOf,
  chargeOf,
  explain,
  report,
  SETTLE_MINUTES,
  stateOf,
  UNITS,
  untilState,
  untilSwept,
} from '../../support/settlement';
import { startTaskService, tlsMaterialOf, type TaskService } from '../../support/task-service';

/** R3.3, must show 5: settlement over several processes, restarts and changed settings. */
let tasks: TaskService;
const running = new Set<Harness>();
beforeAll(async () => {
  tasks = await startTaskService(tlsMaterialOf(readInfra().tlsDir, 'server'));
});
afterEach(async () => {
  for (const h of running) await h.stop();
  running.clear();
});
afterAll(() => tasks.stop());

/** A process of the service with the task service configured, unless told otherwise. */
async function start(settings: Readonly<Record<string, string>> = { TASK_STATUS_ADDRESS: tasks.address }) {
  const h = await startHarness({ TASK_STATUS_TIMEOUT_MS: '2000', ...settings });
  running.add(h);
  return h;
}

async function stop(h: Harness): Promise<void> {
  running.delete(h);
  await h.stop();
}

const asked = (taskId: string): number => tasks.asked.flat().filter((task) => task.taskId === taskId).length;

test('two workers at once settle every charge once (lessons 9, 10)', async () => {
  const workers = [await start(), await start()] as const;
  const users = await Promise.all(Array.from({ length: 24 }, () => registerUser(workers[0])));
  const countSettled = async (): Promise<number> => {
    const counts = workers.flatMap((h) =>
      ['SUCCEEDED', 'FAILED'].map((outcome) => metric(h, 'billing_quota_settlements_total', { outcome })),
    );
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  };
  for (const [i, userId] of users.entries()) {
    const task = await abandon(workers[0], i % 2 === 0 ? 'consume' : 'hold', userId);
    tasks.tell(task, i % 3 === 0 ? 'SUCCEEDED' : 'FAILED');
  }
  for (const h of workers) advanceMinutes(h, SETTLE_MINUTES);
  for (const [i, userId] of users.entries()) {
    await until('it is settled', async () => (await chargeOf(workers[0], userId))['due_time'] === null);
    const succeeded = i % 3 === 0;
    const { quotaRemaining, quotaHeld, rows } = await stateOf(workers[1], userId);
    expect([quotaRemaining, quotaHeld]).toEqual([succeeded ? 10 - UNITS : 10, 0]);
    expect(rows).toHaveLength(succeeded && i % 2 === 0 ? 0 : 1);
  }
  // Whoever came second found it settled, and does not count it.
  await until('all are counted', async () => (await countSettled()) >= users.length);
  expect(await countSettled()).toBe(users.length);
  const errors = workers.flatMap(({ logs }) => logs.filter(({ level }) => level === 'error'));
  expect(errors).toEqual([]);
}, 60_000);

test('what is due while nobody runs is settled by the process that starts next (lesson 12)', async () => {
  const first = await start();
  const users = await Promise.all(Array.from({ length: 4 }, () => registerUser(first)));
  for (const [i, userId] of users.entries()) {
    tasks.tell(await abandon(first, i < 2 ? 'consume' : 'hold', userId), i % 2 === 0 ? 'FAILED' : 'SUCCEEDED');
  }
  await stop(first);
  const second = await start();
  advanceMinutes(second, SETTLE_MINUTES + 1);
  for (const [i, userId] of users.entries()) {
    await until('it is settled', async () => (await chargeOf(second, userId))['due_time'] === null);
    expect(await stateOf(second, userId)).toMatchObject({ quotaRemaining: i % 2 === 0 ? 10 : 7, quotaHeld: 0 });
  }
});

test('a case is kept over a restart, and resolved by the sweeper when the task service knows at last', async () => {
  const first = await start();
  const userId = await registerUser(first);
  const task = await abandon(first, 'hold', userId);
  advanceMinutes(first, SETTLE_MINUTES + CASE_MINUTES);
  await until('a case is open', async () => (await casesOf(first, userId)).length === 1);
  await stop(first);
  tasks.tell(task, 'SUCCEEDED');
  const second = await start();
  advanceMinutes(second, SETTLE_MINUTES + CASE_MINUTES + 60);
  await untilState(second, userId, 'settled');
  expect(await casesOf(second, userId)).toEqual([]);
  expect(await casesOf(second, userId, true)).toMatchObject([{ reason: 'unknown', resolveTime: expect.any(Date) }]);
});

test.each(['consume', 'hold'] as const)(
  'no task service is configured: a %s waits for a report, and becomes the case `nobody_to_ask`',
  async (kind) => {
    const h = await start({});
    const userId = await registerUser(h);
    const task = await abandon(h, kind, userId);
    advanceMinutes(h, SETTLE_MINUTES);
    await untilSwept(h, await registerUser(h));
    expect(await stateOf(h, userId)).toMatchObject({ state: 'open', rows: [] });
    expect(await casesOf(h, userId)).toEqual([]);
    advanceMinutes(h, CASE_MINUTES);
    await until('a case is open', async () => (await casesOf(h, userId)).length === 1);
    expect(await casesOf(h, userId)).toMatchObject([{ kind, reason: 'nobody_to_ask', taskId: task.taskId }]);
    await mustSucceed(report(h, task, TaskOutcome.SUCCEEDED));
    expect(await casesOf(h, userId)).toEqual([]);
    expect(await stateOf(h, userId)).toMatchObject({ state: 'settled', quotaRemaining: 10 - UNITS, quotaHeld: 0 });
  },
);

describe('settings that change later do not reach back (lesson 30)', () => {
  const CHANGED = { SETTLE_AFTER_MINUTES: '10', SETTLE_CASE_AFTER_MINUTES: '10', COMPENSATION_GRACE_DAYS: '1' };

  test('the deadlines of a charge are those of the day it was made', async () => {
    const before = await start();
    const userId = await registerUser(before);
    const task = await abandon(before, 'hold', userId);
    await stop(before);

    const after = await start({ TASK_STATUS_ADDRESS: tasks.address, ...CHANGED });
    advanceMinutes(after, 30);
    await untilSwept(after, await registerUser(after));
    expect(asked(task.taskId)).toBe(0);
    advanceMinutes(after, SETTLE_MINUTES - 30);
    await until('it is asked about', () => Promise.resolve(asked(task.taskId) > 0));
    advanceMinutes(after, 30);
    await until('it is asked about again', () => Promise.resolve(asked(task.taskId) > 1));
    expect(await casesOf(after, userId)).toEqual([]);
    advanceMinutes(after, CASE_MINUTES - 30);
    await until('a case is open', async () => (await casesOf(after, userId)).length === 1);

    const newer = await registerUser(after);
    const { taskId } = await abandon(after, 'hold', newer);
    advanceMinutes(after, 10);
    await until('a new charge is asked about by the new settings', () => Promise.resolve(asked(taskId) > 0));
  });

  test('units that come back too late get the grace of the day they were taken', async () => {
    const before = await start();
    const userId = await registerUser(before);
    const task = await abandon(before, 'consume', userId);
    await stop(before);

    tasks.tell(task, 'FAILED');
    const after = await start({ TASK_STATUS_ADDRESS: tasks.address, ...CHANGED });
    after.clock.advanceMs(31 * MS_PER_DAY);
    await untilState(after, userId, 'settled');
    const { rows, quotaRemaining } = await stateOf(after, userId);
    expect(rows.map(({ type, amount }) => [type, amount])).toEqual([
      ['EXPIRE', UNITS - 10],
      ['REFUND', UNITS],
      ['EXPIRE', -UNITS],
      ['GRANT', UNITS],
    ]);
    expect(quotaRemaining).toBe(UNITS);
    const [lot] = await after.db.query(
      "SELECT TIMESTAMPDIFF(SECOND, create_time, expire_time) AS s FROM quota_grants WHERE user_id = ? AND source = 'compensation'",
      [userId],
    );
    expect(lot).toEqual({ s: 7 * 86_400 });
    expect((await explain(after, userId, 'c')).effect?.settlingLogs).toMatchObject([
      { amount: UNITS, description: 'the task service says: failed' },
    ]);
  });
});

test('after all of this the ledger verifies', async () => {
  const h = await start();
  expect((await verifyLedgerOf(h.db.url, undefined, monotonicMs)).fault).toBeUndefined();
});
