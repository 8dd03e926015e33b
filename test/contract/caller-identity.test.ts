import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { QuotaServiceClient } from '../../src/gen/billing/v1/quota_service.pb';
import { call } from '../support/clients';
import { startHarness, type Harness } from '../support/harness';
import { createTestCa, type KeyPair } from '../support/tls';

/** R12, must show 8: a certificate of another CA is stopped by TLS; one of ours that names nobody, by the service. */
describe('a certificate', () => {
  const ours = createTestCa();
  let h: Harness;
  let dir: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'billing-tls-'));
    const server = ours.issueServer();
    writeFileSync(join(dir, 'ca.crt'), ours.ca);
    writeFileSync(join(dir, 'server.crt'), server.cert);
    writeFileSync(join(dir, 'server.key'), server.key, { mode: 0o600 });
    h = await startHarness({
      TLS_CA_FILE: join(dir, 'ca.crt'),
      TLS_CERT_FILE: join(dir, 'server.crt'),
      TLS_KEY_FILE: join(dir, 'server.key'),
    });
  });
  afterAll(async () => {
    await h.stop();
    rmSync(dir, { recursive: true });
  });

  const getQuota = async ({ cert, key }: KeyPair) => {
    const secured = credentials.createSsl(Buffer.from(ours.ca), Buffer.from(key), Buffer.from(cert));
    const client = new QuotaServiceClient(h.grpcAddress, secured, { 'grpc.ssl_target_name_override': 'localhost' });
    const linesBefore = h.logs.length;
    const reply = await call(client.getQuota.bind(client), { userId: 'nobody-at-all' }, 3_000);
    client.close();
    return { reply, lines: h.logs.slice(linesBefore).filter((line) => 'rpc' in line) };
  };

  test('of our CA with a known role is let in', async () => {
    const { reply } = await getQuota(ours.issueClient('URI:spiffe://billing/auditor/alice'));
    expect(reply).toMatchObject({ ok: false, reason: 'USER_NOT_FOUND' });
  });

  test('of another CA is refused by TLS: no handler is reached, whatever it claims', async () => {
    const { reply, lines } = await getQuota(createTestCa().issueClient('URI:spiffe://billing/auditor/alice'));
    expect(reply).toMatchObject({ ok: false, code: 'UNAVAILABLE', reason: '' });
    expect(lines).toEqual([]);
  });

  test.each([
    ['an unknown role', ['URI:spiffe://billing/root/alice']],
    ['no name at all', []],
    ['two identities', ['URI:spiffe://billing/auditor/alice', 'URI:spiffe://billing/finance/alice']],
  ])('of our CA with %s is UNAUTHENTICATED CALLER_UNKNOWN, and one line says so', async (_what, names) => {
    const { reply, lines } = await getQuota(ours.issueClient(...names));
    expect(reply).toMatchObject({ ok: false, code: 'UNAUTHENTICATED', reason: 'CALLER_UNKNOWN' });
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', caller: 'unknown', reason: 'CALLER_UNKNOWN' })]);
  });
});
