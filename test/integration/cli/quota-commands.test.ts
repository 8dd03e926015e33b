import { TaskOutcome } from '../../../src/gen/billing/v1/quota_service.pb';
import { mustSucceed } from '../../support/clients';
import { billingAs } from '../../support/command';
import type { TestDatabase } from '../../support/database';
import { consume, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { explained, reportOutcome } from '../../support/quota-calls';

let db: TestDatabase;
let h: Harness;
let userId: string;

beforeAll(async () => {
  h = await startHarness();
  db = h.db;
  userId = await registerUser(h);
  await mustSucceed(consume(h, { requestId: 'c', userId, amount: 3, taskId: 't' }));
  await consume(h, { requestId: 'c', userId, amount: 4, taskId: 't' });
  await mustSucceed(consume(h, { requestId: 'open', userId, amount: 2, taskId: 'lost' }));
  await until('the refusal', async () => (await explained(h, userId, 'c')).refusals.length === 1);
  h.clock.advanceMs(26 * 3_600_000);
  await until('the cases', async () => (await db.query('SELECT 1 FROM settlement_cases')).length === 2);
  await mustSucceed(reportOutcome(h, { requestId: 'o', userId, taskId: 't', outcome: TaskOutcome.FAILED }));
});
afterAll(async () => {
  await h.stop();
});

const run = (...words: string[]) => billingAs(h, 'auditor', words);

async function json(...words: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run('--json', ...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('billing quota explain', () => {
  test('tells what a request did, what settled it, and why it was refused, as one object', async () => {
    const actor = 'spiffe://billing/ai-task-service/ai-task-service';
    expect(await json('quota', 'explain', userId, 'c')).toMatchObject({
      ...{ user_id: userId, request_id: 'c', effect: 'ConsumeQuota', actor, task: 't', settled: true },
      rows: [{ sequence: 2, type: 'CONSUME', amount: -3, remaining: 7, request_id: 'c', task: 't' }],
      settled_by: [{ type: 'REFUND', amount: 3, request_id: 'settle:2' }],
      refusals: [{ command: 'ConsumeQuota', code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED', actor }],
    });
  });

  test('tells the outcome that was reported, and of an id that did nothing says so', async () => {
    expect(await json('quota', 'explain', userId, 'o')).toMatchObject({
      effect: 'ReportTaskOutcome',
      outcome: 'FAILED',
    });
    expect(await json('quota', 'explain', userId, 'never')).toEqual({
      ...{ user_id: userId, request_id: 'never', effect: 'none', rows: [], settled_by: [], refusals: [] },
    });
  });

  test('shows people aligned tables, each under its name', async () => {
    const { stdout } = await run('quota', 'explain', userId, 'c');
    for (const word of ['rows', 'settled by', 'refusals', 'REQUEST_ID_REUSED', 'settle:2', 'request_id=c']) {
      expect(stdout).toContain(word);
    }
    const boxes = stdout.split('\n').filter((line) => line.startsWith('│'));
    const widths = new Set(boxes.map((line) => line.length));
    expect(widths.size).toBeLessThanOrEqual(4);
  });

  test('of an unknown user fails with the reason', async () => {
    const { code, stderr } = await run('--json', 'quota', 'explain', 'nobody', 'c');
    expect([code, JSON.parse(stderr)]).toMatchObject([1, { code: 'NOT_FOUND', reason: 'USER_NOT_FOUND' }]);
  });
});

describe('billing quota cases', () => {
  test('lists the open cases, or with --resolved the others', async () => {
    const open = { user: userId, sequence: 3, task: 'lost', kind: 'consume', units: 2, reason: 'nobody_to_ask' };
    expect(await json('quota', 'cases')).toMatchObject([open]);
    const [resolved] = (await json('quota', 'cases', '--resolved')) as [Record<string, unknown>];
    expect(resolved).toMatchObject({ task: 't', resolved: expect.stringMatching(/Z$/) as unknown });
  });

  test('shows people a table, and refuses a page size that is none', async () => {
    expect((await run('quota', 'cases')).stdout).toContain('nobody_to_ask');
    const { code, stderr } = await run('quota', 'cases', '--page-size', '0');
    expect([code, stderr]).toEqual([1, expect.stringContaining('from 1 to 200')]);
  });
});
