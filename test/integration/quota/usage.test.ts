import { GetUsageRequest, TaskOutcome, UsageGroup } from '../../../src/gen/billing/v1/quota_service.pb';
import { call, mustSucceed } from '../../support/clients';
import { billingAs } from '../../support/command';
import {
  consume,
  newId,
  refund,
  registerMember,
  registerUser,
  startHarness,
  type Harness,
} from '../../support/harness';
import { capture, hold, release, reportOutcome } from '../../support/quota-calls';

const DAY_MS = 86_400_000;

let h: Harness;
let userId: string;
let from: Date;
beforeAll(async () => {
  h = await startHarness();
  // Noon in Shanghai of a day, so that what follows is on it.
  h.clock.advanceMs(DAY_MS - ((h.clock.now().getTime() + 4 * 3_600_000) % DAY_MS));
  from = h.clock.now();
  ({ userId } = await registerMember(h));
  const task = { userId, taskType: 'draw' };
  // The registration's 10 units are the first to go.
  await mustSucceed(consume(h, { ...task, requestId: 'c-1', amount: 12 }));
  await mustSucceed(hold(h, { ...task, requestId: 'h-1', amount: 9, taskType: 'sketch' }));
  await mustSucceed(capture(h, { userId, requestId: 'k-1', holdId: 'h-1', amount: 5 }));
  await mustSucceed(hold(h, { userId, requestId: 'h-2', amount: 7 }));
  await mustSucceed(release(h, { userId, requestId: 'l-1', holdId: 'h-2' }));
  await mustSucceed(consume(h, { ...task, requestId: 'c-2', amount: 4, taskId: 't-1' }));
  h.clock.advanceMs(DAY_MS);
  await mustSucceed(reportOutcome(h, { userId, requestId: 'o-1', taskId: 't-1', outcome: TaskOutcome.FAILED }));
  await mustSucceed(refund(h, { userId, requestId: 'r-1', consumeRequestId: 'c-1', amount: 3 }));
  await mustSucceed(consume(h, { userId, requestId: 'c-3', amount: 2 }));
});
afterAll(() => h.stop());

function usage(fields: Partial<GetUsageRequest>) {
  const { quota } = h.as('auditor');
  return call(quota.getUsage.bind(quota), GetUsageRequest.fromPartial({ userId, startTime: from, ...fields }));
}

async function rowsBy(groupBy: UsageGroup, fields: Partial<GetUsageRequest> = {}): Promise<readonly string[]> {
  const { rows, others } = await mustSucceed(usage({ groupBy, ...fields }));
  expect(others).toBeUndefined();
  return rows.map(({ key, consumedUnits, returnedUnits }) => `${key}: ${consumedUnits} - ${returnedUnits}`);
}

const shanghaiDay = (instant: Date): string => new Date(instant.getTime() + 8 * 3_600_000).toISOString().slice(0, 10);

describe('GetUsage', () => {
  test('by day: what was taken on it, and what came back on it of whatever day', async () => {
    const [first, second] = [shanghaiDay(from), shanghaiDay(new Date(from.getTime() + DAY_MS))];
    expect(await rowsBy(UsageGroup.DAY)).toEqual([`${first}: 21 - 0`, `${second}: 2 - 7`]);
  });

  test('by task type: what is held counts when it is captured, what is released never', async () => {
    expect(await rowsBy(UsageGroup.TASK_TYPE)).toEqual(['draw: 16 - 7', 'sketch: 5 - 0', ': 2 - 0']);
  });

  test('by source: the units of each, and those that came back to each', async () => {
    // 10 of the registration went first; 3 of the membership's came back of c-1 (2 of them) and of the registration's (1).
    expect(await rowsBy(UsageGroup.SOURCE)).toEqual(['membership: 12 - 6', 'registration: 11 - 1']);
  });

  test('is the same in all, whatever it is by, as the log says by itself', async () => {
    const [log] = await h.db.query(
      `SELECT SUM(CASE WHEN type IN ('CONSUME', 'CAPTURE') THEN units ELSE 0 END) AS consumed,
        SUM(CASE WHEN type = 'REFUND' THEN units ELSE 0 END) AS returned FROM quota_logs WHERE user_id = ?`,
      [userId],
    );
    for (const groupBy of [UsageGroup.DAY, UsageGroup.TASK_TYPE, UsageGroup.SOURCE]) {
      const { rows } = await mustSucceed(usage({ groupBy }));
      const sum = (of: 'consumedUnits' | 'returnedUnits'): number => rows.reduce((total, row) => total + row[of], 0);
      expect([sum('consumedUnits'), sum('returnedUnits')]).toEqual([
        Number(log?.['consumed']),
        Number(log?.['returned']),
      ]);
    }
  });

  test('is of [start_time, end_time) alone', async () => {
    const rows = await h.db.query('SELECT create_time FROM quota_logs WHERE user_id = ? AND request_id = ?', [
      userId,
      'c-3',
    ]);
    const startTime = rows[0]?.['create_time'] as Date;
    expect(await rowsBy(UsageGroup.TASK_TYPE, { startTime })).toEqual([': 2 - 0']);
    const before = { startTime: new Date(startTime.getTime() - 1), endTime: startTime };
    expect((await rowsBy(UsageGroup.TASK_TYPE, before)).join()).not.toContain(': 2 -');
    expect(await rowsBy(UsageGroup.DAY, { endTime: from })).toEqual([]);
  });

  test('of more rows than are read at a time is complete', async () => {
    const many = await registerUser(h);
    // As an insider with every right would: the chain is not asked for here.
    const rows = Array.from({ length: 4_100 }, (_, i) => [
      ...[many, i + 2, 'system', `bulk:${i}`, Buffer.alloc(32), 'CONSUME', -1, 1, 0, '[[1,-1]]', null],
      ...['', `t-${i % 3}`, '', 'a', h.clock.now(), 1, Buffer.alloc(32)],
    ]);
    const columns =
      'user_id, sequence, origin, request_id, request_hash, type, amount, units, quota_remaining, lots, consume_sequence, ' +
      'task_id, task_type, description, actor, create_time, hash_version, hash';
    await h.db.query(`INSERT INTO quota_logs (${columns}) VALUES ?`, [rows]);
    await h.db.query('UPDATE users SET log_sequence = 4101 WHERE id = ?', [many]);
    h.clock.advanceMs(1_000);
    const expected = ['t-0: 1367 - 0', 't-1: 1367 - 0', 't-2: 1366 - 0'];
    expect(await rowsBy(UsageGroup.TASK_TYPE, { userId: many })).toEqual(expected);
    expect(await rowsBy(UsageGroup.SOURCE, { userId: many })).toEqual(['registration: 4100 - 0']);
  });

  test('refuses what it can not answer, by its fields', async () => {
    const groupBy = UsageGroup.DAY;
    const late = new Date(from.getTime() + 366 * DAY_MS + 1);
    const cases = [
      [{ groupBy, startTime: undefined }, ['start_time']],
      [{ groupBy: UsageGroup.UNSPECIFIED }, ['group_by']],
      [{ groupBy: 9 as UsageGroup }, ['group_by']],
      [{ groupBy, endTime: new Date(from.getTime() - 1) }, ['end_time']],
      [{ groupBy, endTime: late }, ['end_time']],
      [{ groupBy, userId: '' }, ['user_id']],
    ] as const;
    for (const [fields, violated] of cases) {
      expect(await usage(fields)).toMatchObject({ ok: false, reason: 'INVALID_REQUEST', fields: violated });
    }
    expect(await usage({ groupBy, userId: newId('nobody') })).toMatchObject({ reason: 'USER_NOT_FOUND' });
  });
});

describe('billing quota usage', () => {
  test('shows it by day, task type or source', async () => {
    const run = async (...words: string[]): Promise<unknown> => {
      const all = ['--json', 'quota', 'usage', userId, '--from', from.toISOString(), ...words];
      const { code, stdout, stderr } = await billingAs(h, 'auditor', all);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return JSON.parse(stdout);
    };
    const to = ['--to', h.clock.now().toISOString()];
    expect(await run('--by', 'task-type', ...to)).toEqual([
      { task_type: 'draw', consumed: 16, returned: 7 },
      { task_type: 'sketch', consumed: 5, returned: 0 },
      { task_type: '', consumed: 2, returned: 0 },
    ]);
    expect(await run('--by', 'source', ...to)).toMatchObject([{ source: 'membership' }, { source: 'registration' }]);
    expect(await run(...to)).toMatchObject([
      { day: shanghaiDay(from), consumed: 21 },
      { consumed: 2, returned: 7 },
    ]);
  });
});
