import { verifyLedgerOf } from '../../../src/cli/verify-ledger';
import { QuotaLogType, TaskOutcome } from '../../../src/gen/billing/v1/quota_service.pb';
import { monotonicMs } from '../../../src/platform/clock';
import { mustSucceed } from '../../support/clients';
import { newId, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { metric } from '../../support/observe';
import {
  abandon,
  advanceMinutes,
  ASK_AGAIN_MINUTES,
  CASE_MINUTES,
  casesOf,
  chargeOf,
  dueAfterMinutes,
  explain,
  hold,
  report,
  SETTLE_MINUTES,
  stateOf,
  UNITS,
  untilState,
  untilSwept,
  type ChargeKind,
} from '../../support/settlement';
import { startTaskService, tlsMaterialOf, type TaskService } from '../../support/task-service';

/**
 * R3.3, R10.5, must show 5, lessons 12, 17: a caller that took or held quota and died leaves nothing behind. The task
 * service is asked, and what nobody knows waits for people where they see it.
 */
const KINDS: readonly ChargeKind[] = ['consume', 'hold'];
const SYSTEM = { origin: 'system', actor: 'spiffe://billing/system/billing-guard' };
const CAPTURE = { type: 'CAPTURE', amount: 0, units: UNITS };
const BACK = { amount: UNITS, units: UNITS };

let h: Harness;
let tasks: TaskService;
beforeAll(async () => {
  const { tlsDir } = readInfra();
  tasks = await startTaskService(tlsMaterialOf(tlsDir, 'server'));
  const settings = { TASK_STATUS_ADDRESS: tasks.address, TASK_STATUS_TIMEOUT_MS: '1000' };
  h = await startHarness(settings);
});
afterAll(async () => {
  await h.stop();
  await tasks.stop();
});

const wasAsked = ({ taskId }: { taskId: string }): boolean => tasks.asked.flat().some((task) => task.taskId === taskId);

describe.each(KINDS)('a %s whose caller died', (kind) => {
  test('is left alone until its deadline', async () => {
    const userId = await registerUser(h);
    const task = await abandon(h, kind, userId);
    tasks.tell(task, 'FAILED');
    advanceMinutes(h, SETTLE_MINUTES - 1);
    await untilSwept(h, await registerUser(h));
    expect(wasAsked(task)).toBe(false);
    expect(await stateOf(h, userId)).toMatchObject({ state: 'open', rows: [] });
    expect((await explain(h, userId, 'c')).effect).toMatchObject({ settled: false, settlingLogs: [] });
  });

  test('and whose task succeeded is settled: the units are consumed', async () => {
    const userId = await registerUser(h);
    tasks.tell(await abandon(h, kind, userId), 'SUCCEEDED');
    const before = await metric(h, 'billing_quota_settlements_total', { outcome: 'SUCCEEDED' });
    advanceMinutes(h, SETTLE_MINUTES);
    await untilState(h, userId, 'settled');
    const description = 'the task service says: succeeded';
    expect(await stateOf(h, userId)).toEqual({
      ...{ state: 'settled', quotaRemaining: 10 - UNITS, quotaHeld: 0 },
      rows: kind === 'consume' ? [] : [{ ...SYSTEM, ...CAPTURE, request_id: 'settle:2', description }],
    });
    await until('it is counted', async () => {
      return (await metric(h, 'billing_quota_settlements_total', { outcome: 'SUCCEEDED' })) === before + 1;
    });
    const { effect } = await explain(h, userId, 'c');
    expect(effect).toMatchObject({ settled: true, settlingLogs: kind === 'consume' ? [] : [{ description }] });
    expect(await dueAfterMinutes(h, userId)).toBeNull();
  });

  test('and whose task failed gets everything back, once, and ExplainRequest says why', async () => {
    const userId = await registerUser(h);
    const task = await abandon(h, kind, userId);
    tasks.tell(task, 'FAILED');
    advanceMinutes(h, SETTLE_MINUTES);
    const state = kind === 'consume' ? 'settled' : 'released';
    await untilState(h, userId, state);
    const description = 'the task service says: failed';
    const type = kind === 'consume' ? 'REFUND' : 'RELEASE';
    const expected = {
      ...{ state, quotaRemaining: 10, quotaHeld: 0 },
      rows: [{ ...SYSTEM, ...BACK, type, request_id: 'settle:2', description }],
    };
    expect(await stateOf(h, userId)).toEqual(expected);
    const { effect } = await explain(h, userId, 'c');
    expect(effect).toMatchObject({
      settled: true,
      settlingLogs: [{ type: QuotaLogType[type], description, consumeSequence: 2 }],
    });
    // The caller comes back to life and reports what is settled already: nothing moves again.
    const late = await mustSucceed(report(h, task, TaskOutcome.FAILED));
    expect(late).toMatchObject({ chargesSettled: 0, logs: [], quotaRemaining: 10 });
    expect(await stateOf(h, userId)).toEqual(expected);
  });

  test('and whose task still runs is asked about again, and settled when it ends', async () => {
    const userId = await registerUser(h);
    const task = await abandon(h, kind, userId);
    tasks.tell(task, 'RUNNING');
    advanceMinutes(h, SETTLE_MINUTES);
    await until('it is put off', async () => (await dueAfterMinutes(h, userId)) === SETTLE_MINUTES + ASK_AGAIN_MINUTES);
    expect(await stateOf(h, userId)).toMatchObject({ state: 'open', rows: [] });
    expect(await casesOf(h, userId)).toEqual([]);
    tasks.tell(task, 'FAILED');
    advanceMinutes(h, ASK_AGAIN_MINUTES);
    await untilState(h, userId, kind === 'consume' ? 'settled' : 'released');
    expect(await stateOf(h, userId)).toMatchObject({ quotaRemaining: 10, quotaHeld: 0 });
  });

  test.each([
    ['still runs', 'RUNNING', 'running'],
    ['nobody knows', 'UNKNOWN', 'unknown'],
  ] as const)(
    'and whose task %s after the second deadline becomes a case, once; a late report resolves it',
    async (_what, told, reason) => {
      const userId = await registerUser(h);
      const task = await abandon(h, kind, userId);
      tasks.tell(task, told);
      const before = await metric(h, 'billing_quota_settlement_cases_total', { reason });
      advanceMinutes(h, SETTLE_MINUTES + CASE_MINUTES);
      await until('a case is open', async () => (await casesOf(h, userId)).length > 0);
      const opened = { userId, sequence: 2, taskId: task.taskId, kind, units: UNITS, reason, resolveTime: undefined };
      expect(await casesOf(h, userId)).toMatchObject([opened]);
      expect(await stateOf(h, userId)).toMatchObject({ state: 'open', rows: [] });
      await until('it is counted', async () => {
        return (await metric(h, 'billing_quota_settlement_cases_total', { reason })) === before + 1;
      });
      // Asked further, and never opened twice.
      const asked = tasks.asked.length;
      advanceMinutes(h, 60);
      await until('it is asked about again', () => Promise.resolve(tasks.asked.length > asked));
      expect(await casesOf(h, userId)).toHaveLength(1);

      const reported = await mustSucceed(report(h, task, TaskOutcome.FAILED));
      expect(reported).toMatchObject({ chargesSettled: 1, quotaRemaining: 10 });
      expect(await casesOf(h, userId)).toEqual([]);
      const [resolved] = await casesOf(h, userId, true);
      expect(resolved).toMatchObject({ ...opened, resolveTime: expect.any(Date) });
      expect(await chargeOf(h, userId)).toMatchObject({ due_time: null });
    },
  );

  test('while the task service is down is asked about later: a case `unreachable`, resolved when it is up', async () => {
    const userId = await registerUser(h);
    const task = await abandon(h, kind, userId);
    tasks.tell(task, 'FAILED');
    await tasks.down();
    try {
      advanceMinutes(h, SETTLE_MINUTES);
      await until('it is put off', async () => (await dueAfterMinutes(h, userId)) !== SETTLE_MINUTES);
      expect(await stateOf(h, userId)).toMatchObject({ state: 'open', rows: [] });
      advanceMinutes(h, CASE_MINUTES);
      await until('a case is open', async () => (await casesOf(h, userId)).length > 0);
      expect(await casesOf(h, userId)).toMatchObject([{ reason: 'unreachable' }]);
    } finally {
      await tasks.up();
    }
    // Reconnecting takes as long as it takes; each try comes an hour later.
    await until('it is settled', async () => {
      const { due_time: dueTime } = await chargeOf(h, userId);
      if (dueTime instanceof Date && dueTime > h.clock.now()) advanceMinutes(h, 60);
      return dueTime === null;
    });
    expect(await stateOf(h, userId)).toMatchObject({ quotaRemaining: 10, quotaHeld: 0 });
    expect(await casesOf(h, userId)).toEqual([]);
    expect(await casesOf(h, userId, true)).toHaveLength(1);
  }, 60_000);
});

describe('a hold', () => {
  test('without a task is released when its time is over, not before, and nobody is asked', async () => {
    const userId = await registerUser(h);
    const ttl = { seconds: 600, nanos: 0 };
    await mustSucceed(hold(h, { userId, requestId: 'c', amount: UNITS, ttl }));
    advanceMinutes(h, 9);
    await untilSwept(h, await registerUser(h));
    expect(await stateOf(h, userId)).toMatchObject({ state: 'open', quotaRemaining: 10 - UNITS, quotaHeld: UNITS });
    advanceMinutes(h, 1);
    await untilState(h, userId, 'released');
    expect(await stateOf(h, userId)).toEqual({
      ...{ state: 'released', quotaRemaining: 10, quotaHeld: 0 },
      rows: [{ ...SYSTEM, ...BACK, type: 'RELEASE', request_id: 'settle:2', description: 'the hold expired' }],
    });
    expect((await explain(h, userId, 'c')).effect?.settlingLogs).toMatchObject([{ description: 'the hold expired' }]);
    expect(wasAsked({ taskId: '' })).toBe(false);
  });

  test('with a task and a time of its own is asked about then', async () => {
    const userId = await registerUser(h);
    const task = { userId, taskId: newId('t') };
    tasks.tell(task, 'SUCCEEDED');
    await mustSucceed(hold(h, { ...task, requestId: 'c', amount: UNITS, ttl: { seconds: 60, nanos: 0 } }));
    advanceMinutes(h, 1);
    await untilState(h, userId, 'settled');
    expect(await stateOf(h, userId)).toMatchObject({ quotaRemaining: 10 - UNITS, quotaHeld: 0, rows: [CAPTURE] });
  });
});

test('after all of this the ledger verifies', async () => {
  expect((await verifyLedgerOf(h.db.url, undefined, monotonicMs)).fault).toBeUndefined();
});
