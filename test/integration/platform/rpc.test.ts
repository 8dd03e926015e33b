import assert from 'node:assert';
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import type { ConsumeQuotaRequest, QuotaServiceClient } from '../../../src/gen/billing/v1/quota_service.pb';
import type { CallContext } from '../../../src/platform/rpc/context';
import { platformErrors } from '../../../src/platform/errors';
import { call, refusalOfCall, startRpc, until, type RpcHarness } from './rpc-harness';

/** Every call is answered exactly once, with the contract's status and details, whatever its handler does. */

const request: ConsumeQuotaRequest = {
  requestId: 'r-1',
  userId: 'u-1',
  amount: 3,
  taskId: 't-1',
  taskType: 'image',
  description: 'a picture of a coat',
};

let rpc: RpcHarness;
let client: QuotaServiceClient;
let consume: (context: CallContext, request: ConsumeQuotaRequest) => Promise<unknown>;

beforeAll(async () => {
  rpc = await startRpc({ consumeQuota: (context, message) => consume(context, message) as never });
  client = rpc.quotaClient(rpc.ca.issueClient('URI:spiffe://billing/ai-task-service/tasks'));
});
afterAll(() => rpc.stop());

const accessLines = () => rpc.log.filter((line) => 'durationMs' in line);
const lastAccessLine = () => accessLines().at(-1);

test('an answer reaches the caller, one line is logged without the content, and the call is counted', async () => {
  const contexts: CallContext[] = [];
  consume = async (context, { amount }) => {
    contexts.push(context);
    return { log: undefined, quotaRemaining: amount, replayed: false };
  };
  const before = accessLines().length;
  const response = await call(client, client.consumeQuota, request, 2_000);

  expect(response.quotaRemaining).toBe(3);
  const [context] = contexts;
  expect(context?.rpc).toBe('billing.v1.QuotaService/ConsumeQuota');
  expect(context?.caller).toEqual({
    role: 'ai-task-service',
    name: 'tasks',
    identity: 'spiffe://billing/ai-task-service/tasks',
  });
  expect(accessLines().length).toBe(before + 1);
  expect(lastAccessLine()).toMatchObject({ level: 'info', code: 'OK', requestId: 'r-1', userId: 'u-1' });
  expect(JSON.stringify(lastAccessLine())).not.toContain('coat');
  expect(await rpc.metrics.render()).toContain(
    'billing_rpc_requests_total{rpc="billing.v1.QuotaService/ConsumeQuota",code="OK",reason="",caller="ai-task-service/tasks"} 1',
  );
});

test('a handler that has answered is not aborted by the cancelled event that follows', async () => {
  const contexts: CallContext[] = [];
  consume = async (context) => {
    contexts.push(context);
    return { quotaRemaining: 1, replayed: false };
  };
  await call(client, client.consumeQuota, request);
  await call(client, client.consumeQuota, request);
  expect(contexts[0]?.signal.aborted).toBe(false);
});

test('a refusal carries its reason, metadata and when to retry', async () => {
  consume = async () => {
    throw platformErrors.CONTENTION({ metadata: { table: 'users' }, cause: new Error('deadlock on row 7') });
  };
  const refusal = await refusalOfCall(call(client, client.consumeQuota, request));
  expect(refusal).toMatchObject({ code: status.ABORTED, reason: 'CONTENTION', retryAfterMs: 100 });
  expect(refusal.metadata).toEqual({ table: 'users' });
  expect(JSON.stringify(refusal)).not.toContain('deadlock');
  expect(lastAccessLine()).toMatchObject({
    level: 'warn',
    reason: 'CONTENTION',
    err: { message: 'deadlock on row 7' },
  });
});

test('request rules that fail name their fields in proto names', async () => {
  const rules = z.object({ taskType: z.string().max(2), items: z.array(z.object({ userId: z.string().min(1) })) });
  consume = async (_context, { taskType }) => rules.parse({ taskType, items: [{ userId: 'a' }, { userId: '' }] });
  const refusal = await refusalOfCall(call(client, client.consumeQuota, request));
  expect(refusal).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'INVALID_REQUEST' });
  expect(refusal.fields).toEqual(['task_type', 'items[1].user_id']);
});

test.each<[string, () => Promise<unknown>]>([
  ['rejects', async () => Promise.reject(new Error('secret internals'))],
  [
    'throws at once',
    () => {
      throw new TypeError('secret internals');
    },
  ],
  ['fails an assertion', async () => assert.fail('secret internals')],
  ['rejects with no Error', () => Promise.reject('secret internals')],
  ['answers what can not be encoded', async () => ({ log: { createTime: 'secret internals' }, quotaRemaining: 1 })],
])('a handler that %s is INTERNAL, and the caller learns nothing of why', async (_how, misbehave) => {
  consume = () => misbehave();
  const refusal = await refusalOfCall(call(client, client.consumeQuota, request));
  expect(refusal).toMatchObject({ code: status.INTERNAL, reason: 'INTERNAL' });
  expect(JSON.stringify(refusal)).not.toContain('secret');
  expect(lastAccessLine()).toMatchObject({ level: 'error', reason: 'INTERNAL', requestId: 'r-1' });
});

describe('deadlines', () => {
  test('the default deadline answers at once; the handler is told, still awaited, and its late fault is logged', async () => {
    const short = await startRpc(
      { consumeQuota: (context, message) => consume(context, message) as never },
      { deadlineDefaultMs: 50 },
    );
    let finish = (): void => undefined;
    const contexts: CallContext[] = [];
    consume = async (context) => {
      contexts.push(context);
      await new Promise<void>((resolve) => (finish = resolve));
      throw new Error('too late');
    };
    const shortClient = short.quotaClient(short.ca.issueClient('URI:spiffe://billing/ai-task-service/tasks'));
    const refusal = await refusalOfCall(call(shortClient, shortClient.consumeQuota, request));

    expect(refusal).toMatchObject({ code: status.DEADLINE_EXCEEDED, reason: 'DEADLINE_EXCEEDED' });
    expect(contexts[0]?.signal.reason).toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    expect(await short.metrics.render()).toContain('billing_rpc_inflight 1');
    finish();
    await until(() => short.log.some(({ msg }) => msg === 'handler failed after its answer'));
    expect(await short.server.drained(1_000)).toBe(true);
    expect(await short.metrics.render()).toContain('billing_rpc_inflight 0');
    await short.stop();
  });

  test("the context's deadline is the client's, cut to the longest that is granted", async () => {
    const deadlines: number[] = [];
    consume = async ({ deadline }) => {
      deadlines.push(deadline.getTime() - (performance.timeOrigin + performance.now()));
      return { quotaRemaining: 1, replayed: false };
    };
    await call(client, client.consumeQuota, request, 3_600_000);
    await call(client, client.consumeQuota, request, 2_000);
    await call(client, client.consumeQuota, request);
    const [cut = 0, asked = 0, byDefault = 0] = deadlines;
    expect(cut).toBeGreaterThan(25_000);
    expect(cut).toBeLessThanOrEqual(30_001);
    expect(asked).toBeLessThanOrEqual(2_001);
    expect(byDefault).toBeGreaterThan(4_000);
    expect(byDefault).toBeLessThanOrEqual(5_001);
  });

  test("a client's deadline that passes aborts the handler with DEADLINE_EXCEEDED", async () => {
    const contexts: CallContext[] = [];
    consume = (context) => {
      contexts.push(context);
      return new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => reject(context.signal.reason));
      });
    };
    const refusal = await refusalOfCall(call(client, client.consumeQuota, request, 100));
    expect(refusal.code).toBe(status.DEADLINE_EXCEEDED);
    await until(() => contexts[0]?.signal.aborted === true);
    expect(contexts[0]?.signal.reason).toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    expect(lastAccessLine()).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  test('a caller who cancels aborts the handler with CANCELLED', async () => {
    const contexts: CallContext[] = [];
    consume = (context) => {
      contexts.push(context);
      return new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => reject(context.signal.reason));
      });
    };
    const pending = client.consumeQuota(request, () => undefined);
    await until(() => contexts.length === 1);
    pending.cancel();
    await until(() => contexts[0]?.signal.aborted === true);
    expect(contexts[0]?.signal.reason).toMatchObject({ reason: 'CANCELLED' });
    expect(contexts[0]?.cancellation).toMatchObject({ aborted: true, reason: contexts[0]?.signal.reason });
    expect(lastAccessLine()).toMatchObject({ code: 'CANCELLED', level: 'info' });
  });
});

test('calls beyond the limit are refused with OVERLOADED, at once and without their handler', async () => {
  let begun = 0;
  const narrow = await startRpc(
    {
      consumeQuota: async ({ signal }) => {
        begun += 1;
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    },
    { inflightMax: 2 },
  );
  const narrowClient = narrow.quotaClient(narrow.ca.issueClient('URI:spiffe://billing/ai-task-service/tasks'));
  const held = [1, 2].map(() => narrowClient.consumeQuota(request, () => undefined));
  await until(() => begun === 2);
  const refusal = await refusalOfCall(call(narrowClient, narrowClient.consumeQuota, request));
  expect(refusal).toMatchObject({ code: status.RESOURCE_EXHAUSTED, reason: 'OVERLOADED', retryAfterMs: 1_000 });
  expect(begun).toBe(2);
  for (const pending of held) pending.cancel();
  await narrow.stop();
});
