import { freePorts } from '../../../bench/runner/free-ports';
import type { Caller, Role } from '../../../src/platform/calls';
import { monotonicMs } from '../../../src/platform/clock';
import { createLogger } from '../../../src/platform/log';
import { openRedis } from '../../../src/platform/redis';
import { countCalls, createCallLimits, type CallLimits } from '../../../src/platform/rpc/call-limits';
import { HealthService, type HealthClient } from '../../../src/gen/grpc/health/v1/health.pb';
import {
  ServerReflectionService,
  type ServerReflectionClient,
} from '../../../src/gen/grpc/reflection/v1/reflection.pb';
import { until } from '../../support/harness';
import { startPrivateRedis, type PrivateRedis } from '../../support/private-redis';
import { call, refusalOfCall, startRpc, type RpcHarness } from './rpc-harness';

/** Issue 7: how many calls a caller may make in a second, over all replicas; with and without Redis. */

const PER_PERSON = 40;
const PER_SERVICE = 400;
const SECOND_MS = 1_000;
const SILENT = createLogger({ level: 'silent', role: 'all', destination: { write: () => undefined } });
const FINANCE = 'URI:spiffe://billing/finance/alice';
const AUDITOR = 'URI:spiffe://billing/auditor/bob';

const callerOf = (role: Role, name: string): Caller => ({ role, name, identity: `spiffe://billing/${role}/${name}` });

/** How many of so many calls are let through. */
function passed(limits: CallLimits, caller: Caller, calls: number): number {
  for (let made = 0; made < calls; made += 1) {
    try {
      limits.spend(caller);
    } catch {
      return made;
    }
  }
  return calls;
}

describe('a server', () => {
  let rpc: RpcHarness;
  beforeAll(async () => {
    // Its second never ends, so that a slow machine counts the same.
    const people = countCalls(PER_PERSON, { consume: () => Promise.resolve() }, () => 0);
    const answer = { quotaRemaining: 5, quotaHeld: 0, grants: [], membership: undefined };
    rpc = await startRpc({ getQuota: () => Promise.resolve(answer) }, { callLimits: people });
  });
  afterAll(() => rpc.stop());

  test('refuses a caller above the limit with RATE_LIMITED, and tells when to retry; health and others are not touched', async () => {
    const client = rpc.quotaClient(rpc.ca.issueClient(FINANCE));
    const ask = () => call(client, client.getQuota, { userId: 'u' }, 20_000);
    const outcomes = await Promise.allSettled(Array.from({ length: PER_PERSON + 20 }, ask));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(PER_PERSON);
    expect(await refusalOfCall(ask())).toMatchObject({
      ...{ reason: 'RATE_LIMITED', retryAfterMs: SECOND_MS },
      metadata: { limit: 'rpcs_per_second', max: '40', retry_after_ms: '1000' },
    });
    const health = rpc.client<HealthClient>(HealthService, rpc.ca.issueClient(FINANCE));
    const checks = Array.from({ length: 20 }, () => call(health, health.check, { service: '' }, 20_000));
    await expect(Promise.all(checks)).resolves.toHaveLength(20);
    const other = rpc.quotaClient(rpc.ca.issueClient(AUDITOR));
    await expect(call(other, other.getQuota, { userId: 'u' }, 20_000)).resolves.toMatchObject({ quotaRemaining: 5 });
    const text = await rpc.metrics.render();
    expect(text).toMatch(/reason="RATE_LIMITED",caller="finance\/alice"\} 21/);
  });

  test('counts each question of a stream of reflection, and ends the stream at the one too many', async () => {
    const identity = rpc.ca.issueClient('URI:spiffe://billing/finance/curious');
    const stream = rpc.client<ServerReflectionClient>(ServerReflectionService, identity).serverReflectionInfo();
    let answers = 0;
    stream.on('data', () => (answers += 1));
    const ended = new Promise<Error>((resolve) => stream.on('error', resolve));
    for (let asked = 0; asked < PER_PERSON + 20; asked += 1) {
      stream.write({ host: '', messageRequest: { $case: 'listServices', value: '*' } });
    }
    expect(await refusalOfCall(ended.then((error) => Promise.reject(error)))).toMatchObject({ reason: 'RATE_LIMITED' });
    expect(answers).toBe(PER_PERSON);
    const client = rpc.quotaClient(identity);
    const refusal = await refusalOfCall(call(client, client.getQuota, { userId: 'u' }, 20_000));
    expect(refusal).toMatchObject({ reason: 'RATE_LIMITED' });
  });

  test('counts calls that are denied, too: nobody floods it with what they may not call', async () => {
    const client = rpc.quotaClient(rpc.ca.issueClient('URI:spiffe://billing/finance/mallory'));
    const request = { requestId: 'r', userId: 'u', amount: 1, taskId: '', taskType: '', description: '' };
    const tryTo = () => refusalOfCall(call(client, client.consumeQuota, request, 20_000));
    const refusals = await Promise.all(Array.from({ length: PER_PERSON + 20 }, tryTo));
    const count = (wanted: string) => refusals.filter(({ reason }) => reason === wanted).length;
    expect([count('CALLER_NOT_ALLOWED'), count('RATE_LIMITED')]).toEqual([PER_PERSON, 20]);
  });
});

describe('replicas', () => {
  let redis: PrivateRedis;
  const closes: (() => void)[] = [];

  beforeEach(async () => {
    const [port = 0] = await freePorts(1);
    redis = await startPrivateRedis(port);
  });
  afterEach(async () => {
    for (const close of closes.splice(0)) close();
    await redis.kill();
  });

  /** The limits of one replica; `settle` waits for what Redis was told until now to be answered. */
  async function openLimits(): Promise<{ limits: CallLimits; settle: () => Promise<unknown> }> {
    const connection = openRedis(redis.url, 2_000, SILENT, { together: true });
    closes.push(() => connection.disconnect());
    await until('it is connected', () => Promise.resolve(connection.status === 'ready'));
    const limits = createCallLimits(connection, { perService: PER_SERVICE, perPerson: PER_PERSON }, 'test');
    return { limits, settle: () => connection.ping() };
  }

  test('share one limit, to within a slice of each; people and services have their own', async () => {
    const both = [await openLimits(), await openLimits()];
    /** Calls by turns, a slice at a time, until both refuse; undefined when the second was over before. */
    const share = async (caller: Caller, slice: number): Promise<number | undefined> => {
      const startedMs = monotonicMs();
      let sum = 0;
      for (let refused = 0; refused < 2;) {
        refused = 0;
        for (const { limits, settle } of both) {
          const made = passed(limits, caller, slice);
          sum += made;
          if (made < slice) refused += 1;
          await settle();
        }
      }
      return monotonicMs() - startedMs < SECOND_MS ? sum : undefined;
    };
    for (const [role, limit] of [
      ['finance', PER_PERSON],
      ['order-service', PER_SERVICE],
    ] as const) {
      let sum: number | undefined;
      for (let tries = 0; sum === undefined && tries < 10; tries += 1) {
        sum = await share(callerOf(role, `caller-${tries}`), limit / 20);
      }
      expect(sum).toBeGreaterThanOrEqual(limit);
      expect(sum).toBeLessThanOrEqual(1.2 * limit);
    }
  });

  test('count each for itself while Redis is away: no call is let through uncounted (lessons 13, 21)', async () => {
    const { limits } = await openLimits();
    await redis.kill();
    expect(passed(limits, callerOf('finance', 'alice'), PER_PERSON + 20)).toBe(PER_PERSON);
    expect(passed(limits, callerOf('order-service', 'shop'), PER_SERVICE + 20)).toBe(PER_SERVICE);
  });
});
