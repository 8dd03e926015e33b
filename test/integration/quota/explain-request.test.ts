import { TaskOutcome, type QuotaLog } from '../../../src/gen/billing/v1/quota_service.pb';
import { mustSucceed } from '../../support/clients';
import { consume, newId, refund, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { batchConsume, capture, explain, explained, hold, release, reportOutcome } from '../../support/quota-calls';
import { readUserRows } from '../../support/user-rows';

const DAY_MS = 86_400_000;
const ACTOR = 'spiffe://billing/ai-task-service/ai-task-service';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

const words = (logs: readonly QuotaLog[] = []): string[] =>
  logs.map(({ sequence, requestId, amount }) => [sequence, requestId, amount].join(' '));

/** The refusals of a request, once the recorder has written so many. */
async function refusalsOf(userId: string, requestId: string, count: number) {
  await until('the refusals', async () => (await explained(h, userId, requestId)).refusals.length >= count);
  return (await explained(h, userId, requestId)).refusals;
}

/** R3.7: what became of a request, from its id alone. */
describe('the effect of a request', () => {
  test('is its row, what settled it since, and whether it is settled', async () => {
    const userId = await registerUser(h);
    const { log } = await mustSucceed(consume(h, { requestId: 'c', userId, amount: 5, taskId: 't' }));
    const open = await explained(h, userId, 'c');
    expect(open).toMatchObject({
      effect: { kind: 'ConsumeQuota', actor: ACTOR, taskId: 't', settled: false },
      refusals: [],
    });
    expect(open.effect).toMatchObject({ logs: [log], settlingLogs: [], createTime: log?.createTime, outcome: 0 });
    const first = await mustSucceed(refund(h, { requestId: 'r1', userId, consumeRequestId: 'c', amount: 2 }));
    const second = await mustSucceed(refund(h, { requestId: 'r2', userId, consumeRequestId: 'c', amount: 3 }));
    expect((await explained(h, userId, 'c')).effect).toMatchObject({
      ...{ settled: true, logs: [log], settlingLogs: [first.log, second.log] },
    });
    const ofRefund = (await explained(h, userId, 'r1')).effect;
    expect(ofRefund).toMatchObject({
      kind: 'RefundQuota',
      logs: [first.log],
      settlingLogs: [second.log],
      settled: true,
    });
  });

  /** One search of the log takes 500 rows: what settled a charge is found behind others, and looked for no further. */
  test('of a consume tells of refunds that hundreds of other refunds came before', async () => {
    const own = await startHarness({ REGISTRATION_GRANT_UNITS: '2000' });
    try {
      const userId = await registerUser(own);
      await mustSucceed(consume(own, { requestId: 'c', userId, amount: 3 }));
      const others = Array.from({ length: 501 }, (_, i) => ({ requestId: `c${i}`, userId }));
      await mustSucceed(batchConsume(own, others));
      const refundOne = ({ requestId }: { readonly requestId: string }) =>
        mustSucceed(refund(own, { requestId: `r-${requestId}`, userId, consumeRequestId: requestId }));
      while (others.length > 0) await Promise.all(others.splice(0, 50).map(refundOne));
      const first = await mustSucceed(refund(own, { requestId: 'r1', userId, consumeRequestId: 'c', amount: 1 }));
      const second = await mustSucceed(refund(own, { requestId: 'r2', userId, consumeRequestId: 'c', amount: 2 }));
      expect((await explained(own, userId, 'c')).effect?.settlingLogs).toEqual([first.log, second.log]);
    } finally {
      await own.stop();
    }
  });

  test('of a consume without a task is settled from the start', async () => {
    const userId = await registerUser(h);
    await mustSucceed(consume(h, { requestId: 'c', userId }));
    expect((await explained(h, userId, 'c')).effect).toMatchObject({ settled: true, settlingLogs: [], taskId: '' });
  });

  test('of a hold, its capture and its release tells of the one by the other', async () => {
    const userId = await registerUser(h);
    await mustSucceed(hold(h, { requestId: 'h1', userId, amount: 4 }));
    await mustSucceed(hold(h, { requestId: 'h2', userId, amount: 2 }));
    expect((await explained(h, userId, 'h1')).effect).toMatchObject({ kind: 'HoldQuota', settled: false });
    const captured = await mustSucceed(capture(h, { requestId: 'k1', userId, holdId: 'h1', amount: 3 }));
    const released = await mustSucceed(release(h, { requestId: 'k2', userId, holdId: 'h2', reason: 'over' }));
    const ofHold = (await explained(h, userId, 'h1')).effect;
    expect(ofHold).toMatchObject({ settled: true, settlingLogs: [captured.log] });
    const ofCapture = (await explained(h, userId, 'k1')).effect;
    expect(ofCapture).toMatchObject({ kind: 'CaptureQuota', logs: [captured.log], settlingLogs: [], settled: true });
    const ofRelease = (await explained(h, userId, 'k2')).effect;
    expect(ofRelease).toMatchObject({ kind: 'ReleaseQuota', logs: [released.log], settlingLogs: [], settled: true });
  });

  test('of a report is the task, its outcome and the rows that it wrote, and it settles what the consume took', async () => {
    const userId = await registerUser(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 3, taskId: 't' }));
    await mustSucceed(hold(h, { requestId: 'h', userId, amount: 2, taskId: 't' }));
    const report = { requestId: 'o', userId, taskId: 't', outcome: TaskOutcome.FAILED };
    const { logs } = await mustSucceed(reportOutcome(h, report));
    expect((await explained(h, userId, 'o')).effect).toMatchObject({
      ...{ kind: 'ReportTaskOutcome', actor: ACTOR, taskId: 't', outcome: TaskOutcome.FAILED, logs, settlingLogs: [] },
    });
    expect((await explained(h, userId, 'c')).effect).toMatchObject({ settled: true, settlingLogs: [logs[0]] });
    await mustSucceed(reportOutcome(h, { ...report, requestId: 'o2', outcome: TaskOutcome.SUCCEEDED }));
    const ofSecond = (await explained(h, userId, 'o2')).effect;
    expect(ofSecond).toMatchObject({ outcome: TaskOutcome.SUCCEEDED, logs: [], settled: true });
  });

  test('of an item of a batch is a ConsumeQuota', async () => {
    const userId = await registerUser(h);
    await mustSucceed(batchConsume(h, [{ requestId: 'b', userId, amount: 2 }]));
    const { effect } = await explained(h, userId, 'b');
    expect(effect).toMatchObject({ kind: 'ConsumeQuota', logs: [{ requestId: 'b', amount: -2 }] });
  });

  test('changes nothing, and a replay is no second effect', async () => {
    const userId = await registerUser(h);
    await mustSucceed(consume(h, { requestId: 'c', userId }));
    await mustSucceed(consume(h, { requestId: 'c', userId }));
    const before = await readUserRows(h.db, userId);
    expect((await explained(h, userId, 'c')).effect?.logs).toHaveLength(1);
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});

describe('the side effects of a request', () => {
  test('are among its rows, and what expired before it or followed it is not', async () => {
    const own = await startHarness();
    try {
      const userId = await registerUser(own);
      await mustSucceed(consume(own, { requestId: 'c', userId, amount: 4 }));
      own.clock.advanceMs(31 * DAY_MS);
      await mustSucceed(refund(own, { requestId: 'r', userId, consumeRequestId: 'c', amount: 3 }));
      await mustSucceed(refund(own, { requestId: 'r2', userId, consumeRequestId: 'c' }));
      expect(words((await explained(own, userId, 'r')).effect?.logs)).toEqual([
        '4 r 3',
        '5 expire:1:refund:4 -3',
        '6 grant:compensation:4:1 3',
      ]);
      expect(words((await explained(own, userId, 'c')).effect?.settlingLogs)).toEqual(['4 r 3', '7 r2 1']);
    } finally {
      await own.stop();
    }
  });
});

describe('the refusals of a request', () => {
  test('are told with reason, values, content and caller, newest first, beside the effect that came at last', async () => {
    const userId = await registerUser(h);
    const fields = { requestId: 'c', userId, taskId: 't', taskType: 'image', description: '生成' };
    await consume(h, { ...fields, amount: 11 });
    await consume(h, { ...fields, amount: 12 });
    await mustSucceed(consume(h, { ...fields, amount: 1 }));
    await consume(h, { ...fields, amount: 2 });
    const refusals = await refusalsOf(userId, 'c', 3);
    expect(
      refusals.map(({ kind, actor, code, reason, metadata }) => ({ kind, actor, code, reason, metadata })),
    ).toEqual([
      {
        kind: 'ConsumeQuota',
        actor: ACTOR,
        code: 'ALREADY_EXISTS',
        reason: 'REQUEST_ID_REUSED',
        metadata: { request_id: 'c' },
      },
      ...['12', '11'].map((amount) => ({
        ...{ kind: 'ConsumeQuota', actor: ACTOR, code: 'FAILED_PRECONDITION', reason: 'QUOTA_INSUFFICIENT' },
        metadata: { amount, quota_remaining: '10' },
      })),
    ]);
    expect(JSON.parse(refusals[2]?.contentJson ?? '')).toEqual({
      ...{ amount: 11, task_id: 't', task_type: 'image', description: '生成' },
    });
    expect((await explained(h, userId, 'c')).effect).toMatchObject({ logs: [{ amount: -1 }] });
  });

  test.each([
    [
      'RefundQuota',
      'CONSUME_NOT_FOUND',
      (userId: string) => refund(h, { requestId: 'x', userId, consumeRequestId: 'n' }),
    ],
    ['HoldQuota', 'QUOTA_INSUFFICIENT', (userId: string) => hold(h, { requestId: 'x', userId, amount: 99 })],
    ['CaptureQuota', 'HOLD_NOT_FOUND', (userId: string) => capture(h, { requestId: 'x', userId, holdId: 'n' })],
    ['ReleaseQuota', 'HOLD_NOT_FOUND', (userId: string) => release(h, { requestId: 'x', userId, holdId: 'n' })],
    [
      'ReportTaskOutcome',
      'CONSUME_NOT_FOUND',
      (userId: string) => reportOutcome(h, { requestId: 'x', userId, taskId: 'n', outcome: TaskOutcome.FAILED }),
    ],
    [
      'ConsumeQuota',
      'QUOTA_INSUFFICIENT',
      (userId: string) => batchConsume(h, [{ requestId: 'x', userId, amount: 99 }]),
    ],
  ])('are told of %s (%s), which had no effect', async (kind, reason, refused) => {
    const userId = await registerUser(h);
    const before = await readUserRows(h.db, userId);
    await refused(userId);
    expect(await refusalsOf(userId, 'x', 1)).toMatchObject([{ kind, reason, actor: ACTOR }]);
    expect((await explained(h, userId, 'x')).effect).toBeUndefined();
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test.each([
    ['ConsumeQuota', 'amount', (userId: string) => consume(h, { requestId: 'x', userId, amount: 0 })],
    ['RefundQuota', 'consume_request_id', (userId: string) => refund(h, { requestId: 'x', userId })],
    ['HoldQuota', 'amount', (userId: string) => hold(h, { requestId: 'x', userId, amount: -1 })],
    ['CaptureQuota', 'hold_id', (userId: string) => capture(h, { requestId: 'x', userId })],
    ['ReleaseQuota', 'hold_id', (userId: string) => release(h, { requestId: 'x', userId })],
    ['ReportTaskOutcome', 'outcome', (userId: string) => reportOutcome(h, { requestId: 'x', userId, taskId: 't' })],
    ['ConsumeQuota', 'amount', (userId: string) => batchConsume(h, [{ requestId: 'x', userId, amount: 0 }])],
  ])('are told of a %s that breaks a rule: which field, and what is wrong with it', async (kind, field, refused) => {
    const userId = await registerUser(h);
    await refused(userId);
    const [refusal] = await refusalsOf(userId, 'x', 1);
    expect(refusal).toMatchObject({ kind, actor: ACTOR, code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
    expect(refusal).toMatchObject({ metadata: { [field]: expect.stringMatching(/./) }, contentJson: '{}' });
  });

  test('name the field that the ledger finds wrong: a capture of more than the hold set aside', async () => {
    const userId = await registerUser(h);
    await mustSucceed(hold(h, { requestId: 'h', userId, amount: 2 }));
    await capture(h, { requestId: 'x', userId, holdId: 'h', amount: 3 });
    const [refusal] = await refusalsOf(userId, 'x', 1);
    expect(refusal?.metadata).toEqual({ amount: 'is more than the 2 units that the hold set aside' });
  });

  test('of a user who does not exist are told all the same', async () => {
    const userId = newId('nobody');
    await consume(h, { requestId: 'c', userId });
    await until('the refusal', async () => (await explain(h, userId, 'c')).ok);
    expect(await explained(h, userId, 'c')).toMatchObject({
      effect: undefined,
      refusals: [{ reason: 'USER_NOT_FOUND' }],
    });
  });

  test('are told for 30 days, and at most 50 of them', async () => {
    // Another database: services of the tests above, with clocks of theirs, may have done the day already.
    const own = await startHarness({}, '_explain');
    try {
      const userId = await registerUser(own);
      await Promise.all(
        Array.from({ length: 60 }, (_, i) => consume(own, { requestId: 'c', userId, amount: 100 + i })),
      );
      const count = async (): Promise<number> => (await explained(own, userId, 'c')).refusals.length;
      await until('50 refusals', async () => (await count()) === 50);
      own.clock.advanceMs(30 * DAY_MS + 60_000);
      expect(await count()).toBe(0);
      const left = () => own.db.query('SELECT 1 FROM request_refusals WHERE user_id = ?', [userId]);
      await until('the end of old refusals', async () => (await left()).length === 0);
    } finally {
      await own.stop();
    }
  });
});

test('a request of which nothing is known is explained by nothing, and an unknown user is USER_NOT_FOUND', async () => {
  const userId = await registerUser(h);
  expect(await explained(h, userId, 'never')).toEqual({ effect: undefined, refusals: [] });
  expect(await explained(h, userId, 'grant:registration:registration')).toMatchObject({ effect: undefined });
  const other = await registerUser(h);
  await mustSucceed(consume(h, { requestId: 'c', userId: other }));
  expect(await explained(h, userId, 'c')).toEqual({ effect: undefined, refusals: [] });
  expect(await explain(h, newId('nobody'), 'c')).toMatchObject({ code: 'NOT_FOUND', reason: 'USER_NOT_FOUND' });
});
