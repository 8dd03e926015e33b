import { status } from '@grpc/grpc-js';
import type { GetQuotaResponse } from '../../../src/gen/billing/v1/quota_service.pb';
import {
  HealthCheckResponse_ServingStatus as Serving,
  HealthService,
  type HealthClient,
} from '../../../src/gen/grpc/health/v1/health.pb';
import { call, refusalOfCall, startRpc, until } from './rpc-harness';

/** A server that stops finishes what it took, refuses what is new with a retryable status, and always ends. */

const answer: GetQuotaResponse = { quotaRemaining: 1, quotaHeld: 0, grants: [], membership: undefined };

async function startBlocked() {
  const releases: (() => void)[] = [];
  const rpc = await startRpc({
    getQuota: async () => {
      await new Promise<void>((resolve) => releases.push(resolve));
      return answer;
    },
  });
  const identity = rpc.ca.issueClient('URI:spiffe://billing/finance/alice');
  const client = rpc.quotaClient(identity);
  const getQuota = () => call(client, client.getQuota, { userId: 'u-1' });
  return { rpc, identity, releases, getQuota };
}

test('NOT_SERVING, then SHUTTING_DOWN for new calls while health answers, then in-flight calls finish', async () => {
  const { rpc, identity, releases, getQuota } = await startBlocked();
  const health = rpc.client<HealthClient>(HealthService, identity);
  const inFlight = getQuota();
  await until(() => releases.length === 1);

  rpc.server.setServing(false);
  const stillTaken = getQuota();
  await until(() => releases.length === 2);

  rpc.server.beginDrain();
  const refusal = await refusalOfCall(getQuota());
  expect(refusal).toMatchObject({ code: status.UNAVAILABLE, reason: 'SHUTTING_DOWN', retryAfterMs: 100 });
  expect((await call(health, health.check, { service: '' })).status).toBe(Serving.NOT_SERVING);

  expect(await rpc.server.drained(10)).toBe(false);
  const drained = rpc.server.drained(5_000);
  for (const release of releases) release();
  expect(await drained).toBe(true);
  expect(await inFlight).toMatchObject(answer);
  expect(await stillTaken).toMatchObject(answer);

  await rpc.stop();
});

test('an open Watch is ended with SHUTTING_DOWN and does not hold the server up', async () => {
  const { rpc, identity } = await startBlocked();
  const watch = rpc.client<HealthClient>(HealthService, identity).watch({ service: '' });
  const ended = new Promise((_resolve, reject) => watch.on('error', reject));
  const refused = refusalOfCall(ended);
  await new Promise((resolve) => watch.once('data', resolve));

  const startedMs = performance.now();
  await rpc.server.shutdown(60_000);
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  expect(await refused).toMatchObject({ code: status.UNAVAILABLE, reason: 'SHUTTING_DOWN' });

  await rpc.stop();
});

test('a handler that never ends is cut off after the grace', async () => {
  const { rpc, releases, getQuota } = await startBlocked();
  const stuck = refusalOfCall(getQuota());
  await until(() => releases.length === 1);
  await rpc.server.shutdown(50);
  expect([status.UNAVAILABLE, status.CANCELLED]).toContain((await stuck).code);
  for (const release of releases) release();
  await rpc.stop();
});
