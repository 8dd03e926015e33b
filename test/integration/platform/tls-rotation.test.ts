import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import { QuotaServiceService, type QuotaServiceClient } from '../../../src/gen/billing/v1/quota_service.pb';
import { systemClock } from '../../../src/platform/clock';
import { createRpcClient } from '../../../src/platform/rpc/client';
import type { TlsMaterial } from '../../../src/platform/rpc/credentials';
import { watchTls, type TlsFiles } from '../../../src/platform/rpc/tls-files';
import { TaskStatusServiceService } from '../../../src/gen/billing/v1/task_status_service.pb';
import { startTaskService } from '../../support/task-service';
import { createTestCa, type KeyPair, type TestCa } from '../../support/tls';
import { call, startRpc, type RpcHarness } from './rpc-harness';

/** Issue 7: certificates and CAs rotate without a restart; open connections go on; what can not be used is refused. */

const FINANCE = 'URI:spiffe://billing/finance/alice';
const QUOTA = { quotaRemaining: 5, quotaHeld: 0, grants: [], membership: undefined };

let dir: string;
let first: TestCa;
let rpc: RpcHarness;
let files: TlsFiles;
const told: string[] = [];

const paths = () => ({ ca: join(dir, 'ca.crt'), cert: join(dir, 'own.crt'), key: join(dir, 'own.key') });

/** Replaces a file as a careful operator does. */
function put(part: keyof TlsMaterial, text: string): void {
  const path = paths()[part];
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
function putAll(material: TlsMaterial): void {
  for (const part of ['ca', 'cert', 'key'] as const) put(part, material[part]);
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'billing-rotation-'));
  first = createTestCa();
  const tls = { ca: first.ca, ...first.issueServer() };
  putAll(tls);
  rpc = await startRpc({ getQuota: () => Promise.resolve(QUOTA) }, { tls });
  told.length = 0;
  files = watchTls(tls, {
    ...{ paths: paths(), intervalMs: 600_000, clock: systemClock },
    onChange: (changed) => {
      told.push('changed');
      rpc.server.renewTls(changed);
    },
    onRefused: (problem) => Promise.resolve(void told.push(`refused: ${(problem as Error).message}`)),
    onUsable: () => Promise.resolve(void told.push('usable')),
  });
  await files.look();
});
afterEach(async () => {
  files.stop();
  await rpc.stop();
  rmSync(dir, { recursive: true });
});

function client(ca: string, identity: KeyPair): QuotaServiceClient {
  const Constructor = makeGenericClientConstructor(QuotaServiceService, 'test');
  const channel = credentials.createSsl(Buffer.from(ca), Buffer.from(identity.key), Buffer.from(identity.cert));
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  return new Constructor(`localhost:${rpc.port}`, channel, options) as unknown as QuotaServiceClient;
}
const ask = (of: QuotaServiceClient) => call(of, of.getQuota, { userId: 'u' }, 20_000);

/** The certificate that a new connection is shown, whoever signed it. */
function shownSerial(): Promise<string> {
  const identity = first.issueClient(FINANCE);
  return new Promise((resolve, reject) => {
    const options = { port: rpc.port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false };
    const socket = connect({ ...options, ...identity }, () => {
      const shown: PeerCertificate = socket.getPeerCertificate();
      socket.destroy();
      resolve(shown.serialNumber);
    }).on('error', reject);
  });
}

test('a new pair is shown to new connections, and open ones go on', async () => {
  const open = client(first.ca, first.issueClient(FINANCE));
  await ask(open);
  const before = await shownSerial();
  const next = first.issueServer();
  put('cert', next.cert);
  put('key', next.key);
  await files.look();
  expect(told).toEqual(['usable', 'changed']);
  expect(await shownSerial()).not.toBe(before);
  await expect(ask(open)).resolves.toEqual(QUOTA);
  const fresh = client(first.ca, first.issueClient(FINANCE));
  await expect(ask(fresh)).resolves.toEqual(QUOTA);
  open.close();
  fresh.close();
});

test('the CA rotates through a bundle of both: clients of the new one are let in, then those of the old one no more', async () => {
  const second = createTestCa();
  const open = client(first.ca, first.issueClient(FINANCE));
  await ask(open);
  const early = client(first.ca, second.issueClient(FINANCE));
  await expect(ask(early)).rejects.toMatchObject({ code: 14 });
  put('ca', `${first.ca}\n${second.ca}`);
  await files.look();
  for (const identity of [first, second]) {
    const one = client(first.ca, identity.issueClient(FINANCE));
    await expect(ask(one)).resolves.toEqual(QUOTA);
    one.close();
  }
  putAll({ ca: second.ca, ...second.issueServer() });
  await files.look();
  const late = client(second.ca, first.issueClient(FINANCE));
  await expect(ask(late)).rejects.toMatchObject({ code: 14 });
  const fresh = client(second.ca, second.issueClient(FINANCE));
  await expect(ask(fresh)).resolves.toEqual(QUOTA);
  // Made before, with a certificate of the old CA: it ends with its connection, at most ten minutes later.
  await expect(ask(open)).resolves.toEqual(QUOTA);
  for (const one of [open, early, late, fresh]) one.close();
});

test.each<[string, () => void]>([
  ['a certificate without its key', () => put('cert', first.issueServer().cert)],
  ['what is no PEM', () => put('cert', 'nonsense')],
  ['a CA that is none', () => put('ca', 'nonsense')],
  ['a file that is gone', () => rmSync(paths().key)],
])('%s is refused once it is found twice, nothing changes, and its end is told', async (_what, spoil) => {
  const before = await shownSerial();
  const good = files.current();
  spoil();
  await files.look();
  // It may be half of a change.
  expect(told).toEqual(['usable']);
  await files.look();
  await files.look();
  expect(told).toEqual(['usable', expect.stringMatching(/^refused: /)]);
  expect(await shownSerial()).toBe(before);
  const one = client(first.ca, first.issueClient(FINANCE));
  await expect(ask(one)).resolves.toEqual(QUOTA);
  one.close();
  putAll(good);
  await files.look();
  expect(told.slice(2)).toEqual(['usable']);
});

test('no word of a refusal holds anything of the files', async () => {
  put('key', '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----');
  await files.look();
  await files.look();
  expect(told.join()).not.toMatch(/c2VjcmV0|secret/);
});

test('what could not be told is told at the next look', async () => {
  let failures = 2;
  const refused: unknown[] = [];
  const watched = watchTls(files.current(), {
    ...{ paths: paths(), intervalMs: 600_000, clock: systemClock },
    onChange: () => undefined,
    onRefused: (problem) => {
      failures -= 1;
      if (failures >= 0) return Promise.reject(new Error('the database is away'));
      refused.push(problem);
      return Promise.resolve();
    },
    onUsable: () => Promise.resolve(),
  });
  put('cert', 'nonsense');
  for (let looks = 0; looks < 6; looks += 1) await watched.look().catch(() => undefined);
  expect(refused).toHaveLength(1);
  watched.stop();
});

test('the service’s own calls use the new pair and believe the new CA', async () => {
  const own: TlsMaterial = { ca: first.ca, ...first.issueServer() };
  const other = createTestCa();
  const tasks = await startTaskService({ ca: other.ca, ...other.issueServer() });
  const caller = createRpcClient({ address: tasks.address, tls: own, timeoutMs: 20_000 });
  const question = { tasks: [] };
  const askTasks = () => caller.call(TaskStatusServiceService.getTaskStatuses, question);
  await expect(askTasks()).rejects.toMatchObject({ code: expect.stringMatching(/UNAVAILABLE|DEADLINE/) as string });
  caller.renewTls({ ca: other.ca, ...other.issueServer() });
  await expect(askTasks()).resolves.toEqual({ statuses: [] });
  caller.close();
  await tasks.stop();
});
