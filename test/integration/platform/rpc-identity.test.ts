import { connect, TLSSocket, type ConnectionOptions, type PeerCertificate } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { HealthService, type HealthClient } from '../../../src/gen/grpc/health/v1/health.pb';
import {
  ServerReflectionService,
  type ServerReflectionClient,
} from '../../../src/gen/grpc/reflection/v1/reflection.pb';
import { createTestCa } from '../../support/tls';
import { call, refusalOfCall, startRpc, type RpcHarness } from './rpc-harness';

/** Only a certificate of our CA with exactly one known identity is let in, and only to the RPCs of its row. */

let rpc: RpcHarness;
const callers: string[] = [];

beforeAll(async () => {
  rpc = await startRpc({
    getQuota: async ({ caller }) => {
      callers.push(`${caller.role}/${caller.name}`);
      return { quotaRemaining: 5, quotaHeld: 0, grants: [], membership: undefined };
    },
  });
});
afterAll(() => rpc.stop());

function getQuota(...subjectAltNames: string[]): Promise<unknown> {
  const client = rpc.quotaClient(rpc.ca.issueClient(...subjectAltNames));
  return call(client, client.getQuota, { userId: 'u-1' }, 5_000);
}

test('a certificate of another CA is refused by TLS', async () => {
  const client = rpc.quotaClient(createTestCa().issueClient('URI:spiffe://billing/finance/alice'));
  const refusal = await refusalOfCall(call(client, client.getQuota, { userId: 'u-1' }, 1_000));
  expect(refusal.reason).toBeUndefined();
  expect(refusal.code).toBe(status.UNAVAILABLE);
});

test.each<[string, ConnectionOptions]>([
  ['without a client certificate', {}],
  ['of TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }],
  ['without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
])('a connection %s is refused by TLS', async (_what, options) => {
  const identity = options.ciphers === undefined ? {} : rpc.ca.issueClient('URI:spiffe://billing/finance/alice');
  const ended = new Promise<Error>((resolve, reject) => {
    const socket = connect({
      port: rpc.port,
      host: '127.0.0.1',
      ca: rpc.ca.ca,
      ALPNProtocols: ['h2'],
      ...identity,
      ...options,
    });
    socket
      .on('error', resolve)
      .on('end', () => reject(new Error('ended without an alert')))
      .resume();
  });
  expect((await ended).message).toMatch(/alert|handshake|protocol/i);
});

test.each([
  ['no subject alternative name', []],
  ['an unknown role', ['URI:spiffe://billing/root/alice']],
  ['the service itself, whose certificate may call the task service', ['URI:spiffe://billing/system/billing-guard']],
  ['another trust domain', ['URI:spiffe://elsewhere/finance/alice']],
  ['a path below the name', ['URI:spiffe://billing/finance/alice/x']],
  ['a name in capitals', ['URI:spiffe://billing/finance/Alice']],
  ['two identities', ['URI:spiffe://billing/finance/alice', 'URI:spiffe://billing/auditor/alice']],
  ['only a DNS name', ['DNS:finance']],
])('a certificate with %s is CALLER_UNKNOWN, and that is logged', async (_what, names) => {
  const refusal = await refusalOfCall(getQuota(...names));
  expect(refusal).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'CALLER_UNKNOWN' });
  expect(rpc.log.at(-1)).toMatchObject({ level: 'warn', caller: 'unknown', reason: 'CALLER_UNKNOWN' });
});

test('an identity beside a DNS name is known', async () => {
  await expect(getQuota('DNS:host', 'URI:spiffe://billing/finance/alice')).resolves.toMatchObject({
    quotaRemaining: 5,
  });
});

test('calls of several connections at once are each their own, and a connection is asked for its certificate once', async () => {
  const readCertificate = jest.spyOn(TLSSocket.prototype, 'getPeerCertificate');
  const names = ['finance/alice', 'finance/bob', 'auditor/alice'];
  const clients = names.map((name) => rpc.quotaClient(rpc.ca.issueClient(`URI:spiffe://billing/${name}`)));
  callers.length = 0;
  for (let round = 0; round < 4; round += 1) {
    await Promise.all(clients.map((client) => call(client, client.getQuota, { userId: 'u-1' }, 5_000)));
  }
  // The clients of this process look at the server's certificate too; theirs is the one that names an identity.
  const seen = readCertificate.mock.results.map(({ value }) => (value as PeerCertificate).subjectaltname ?? '');
  const reads = seen.filter((name) => name.includes('spiffe:'));
  readCertificate.mockRestore();
  expect([...callers].sort()).toEqual([...names, ...names, ...names, ...names].sort());
  expect(reads).toHaveLength(names.length);
});

test('an unknown caller stays unknown on every call of its connection', async () => {
  const client = rpc.quotaClient(rpc.ca.issueClient('URI:spiffe://billing/root/alice'));
  for (let round = 0; round < 3; round += 1) {
    const refusal = await refusalOfCall(call(client, client.getQuota, { userId: 'u-1' }, 5_000));
    expect(refusal.reason).toBe('CALLER_UNKNOWN');
  }
});

test('an RPC outside the row of a role is CALLER_NOT_ALLOWED, and that is logged with caller and RPC', async () => {
  const client = rpc.quotaClient(rpc.ca.issueClient('URI:spiffe://billing/finance/alice'));
  const request = { requestId: 'r', userId: 'u', amount: 1, taskId: '', taskType: '', description: '' };
  const refusal = await refusalOfCall(call(client, client.consumeQuota, request));
  expect(refusal).toMatchObject({ code: status.PERMISSION_DENIED, reason: 'CALLER_NOT_ALLOWED' });
  expect(rpc.log.at(-1)).toMatchObject({
    level: 'warn',
    caller: 'spiffe://billing/finance/alice',
    rpc: 'billing.v1.QuotaService/ConsumeQuota',
    reason: 'CALLER_NOT_ALLOWED',
  });
});

test('health and reflection refuse a certificate that names nobody', async () => {
  const nobody = rpc.ca.issueClient('URI:spiffe://billing/root/alice');
  const health = rpc.client<HealthClient>(HealthService, nobody);
  const refusal = await refusalOfCall(call(health, health.check, { service: '' }));
  expect(refusal).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'CALLER_UNKNOWN' });

  const reflection = rpc.client<ServerReflectionClient>(ServerReflectionService, nobody).serverReflectionInfo();
  const answered = new Promise((resolve, reject) => reflection.on('data', resolve).on('error', reject));
  expect(await refusalOfCall(answered)).toMatchObject({ reason: 'CALLER_UNKNOWN' });
});
