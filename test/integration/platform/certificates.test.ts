import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { watchCertificates } from '../../../src/composition/certificates';
import type { Closable } from '../../../src/composition/foundation';
import type { Wechatpay } from '../../../src/payment';
import { expireTimeOf, firstExpireTimeOf } from '../../../src/platform/certificate-times';
import { loadConfig } from '../../../src/platform/config';
import { createLogger } from '../../../src/platform/log';
import { createMetrics } from '../../../src/platform/metrics';
import { serviceEnvironment, startHarness, until, type Harness } from '../../support/harness';
import { openServiceDatabase } from '../../support/service-database';
import { createTestCa, type TestCa } from '../../support/tls';

/** Issue 7: the end of certificates is watched, and the whole service takes new ones without a restart. */

const subjectOf = (which: string): string => `${which}@${hostname()}`.slice(0, 64);
const HOST = subjectOf('tls');
const DAY_MS = 86_400_000;

let dir: string;
let ca: TestCa;
let h: Harness;
const path = (file: string): string => join(dir, file);

function putServer(): string {
  const { cert, key } = ca.issueServer();
  writeFileSync(path('own.crt'), cert);
  writeFileSync(path('own.key'), key);
  return cert;
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'billing-certificates-'));
  ca = createTestCa();
  writeFileSync(path('ca.crt'), ca.ca);
  putServer();
  writeFileSync(path('merchant.crt'), ca.issueCommonName('merchant').cert);
  const files = { TLS_CA_FILE: path('ca.crt'), TLS_CERT_FILE: path('own.crt'), TLS_KEY_FILE: path('own.key') };
  const merchant = { WECHATPAY_MERCHANT_CERT_FILE: path('merchant.crt') };
  h = await startHarness({ ...files, ...merchant, SECRET_FILES_POLL_MS: '50' });
});
afterAll(async () => {
  await h.stop();
  rmSync(dir, { recursive: true });
});

const alertsOf = async (kind: string): Promise<string[]> => {
  const rows = await h.db.query('SELECT subject_id, resolution FROM alerts WHERE kind = ? ORDER BY subject_id, id', [
    kind,
  ]);
  return rows.map(({ subject_id: subject, resolution }) => `${String(subject)} ${String(resolution)}`.trim());
};
const gauges = async (): Promise<ReadonlyMap<string, number>> => {
  const text = await (await fetch(`${h.internalUrl}/metrics`)).text();
  const lines = text.matchAll(/^billing_certificate_expire_seconds\{which="(\w+)"\} (\d+)/gm);
  return new Map([...lines].map(([, which = '', value]) => [which, Number(value)]));
};

/** The certificate that a new connection is shown. */
function shown(): Promise<Buffer> {
  const identity = ca.issueClient('URI:spiffe://billing/finance/alice');
  const port = Number(h.grpcAddress.split(':')[1]);
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', servername: 'localhost', ca: ca.ca, ALPNProtocols: ['h2'] };
    const socket = connect({ ...options, ...identity }, () => {
      const { raw } = socket.getPeerCertificate();
      socket.destroy();
      resolve(raw);
    }).on('error', reject);
  });
}
const rawOf = (pem: string): string => pem.replaceAll(/-----.*-----|\s/g, '');
const isShown = async (pem: string): Promise<boolean> => (await shown()).toString('base64') === rawOf(pem);

test('the gauge tells when each certificate ends', async () => {
  const told = await gauges();
  expect([...told.keys()].sort()).toEqual(['merchant', 'tls', 'tls_ca']);
  const seconds = expireTimeOf(ca.ca).getTime() / 1_000;
  expect(told.get('tls_ca')).toBe(seconds);
});

test('one that ends within thirty days opens an alert for its host, once', async () => {
  // They last two days.
  await until('people were told', async () => (await alertsOf('certificate_expiring')).length === 3);
  expect(await alertsOf('certificate_expiring')).toEqual(['merchant', 'tls', 'tls_ca'].map(subjectOf));
  const opened = h.logs.filter((line) => line['kind'] === 'certificate_expiring');
  expect(opened).toHaveLength(3);
});

test('one that was replaced resolves the alert of its host alone; that of a host that is gone ends after two days', async () => {
  const insert = (subject: string, daysAgo: number) => {
    const time = new Date(h.clock.now().getTime() - daysAgo * DAY_MS);
    return h.db.query(
      `INSERT INTO alerts (id, kind, severity, subject_type, subject_id, details, open_time, last_time)
       VALUES (?, 'certificate_expiring', 'warning', 'certificate', ?, '{}', ?, ?)`,
      [subject, subject, time, time],
    );
  };
  await insert('tls@neighbour', 1);
  await insert('tls@gone', 3);
  const { cert, key } = ca.issueServer();
  const closables: Closable[] = [];
  const db = openServiceDatabase(h.infra, h.db);
  watchCertificates(
    {
      config: loadConfig(serviceEnvironment(h.infra, h.db.url, h.simulatorUrl)),
      tls: { current: () => ({ ca: ca.ca, cert, key }), onChange: () => undefined },
      wechatpay: { certificatesExpireTime: () => undefined } as unknown as Wechatpay,
      // By this clock of the machine they last for a hundred days and two.
      clock: { now: () => h.clock.now(), machineNow: () => new Date(h.clock.machineNow().getTime() - 100 * DAY_MS) },
      metrics: createMetrics(),
      log: createLogger({ level: 'silent', role: 'all' }),
      db,
    },
    closables,
  );
  for (const { close } of closables) await close();
  await db.knex.destroy();
  expect((await alertsOf('certificate_expiring')).sort()).toEqual(
    [
      subjectOf('merchant'),
      `${subjectOf('tls')} replaced`,
      `${subjectOf('tls_ca')} replaced`,
      'tls@gone host_gone',
      'tls@neighbour',
    ].sort(),
  );
});

test('of a bundle the first that ends counts', () => {
  const other = createTestCa();
  expect(firstExpireTimeOf(`${ca.ca}\n${other.ca}`)).toEqual(expireTimeOf(ca.ca));
});

test('a new pair is taken while the service runs; one that can not be used is not, and an alert says so until one can', async () => {
  const next = putServer();
  await until('it is shown', () => isShown(next));
  writeFileSync(path('own.crt'), ca.issueServer().cert);
  await until('it was refused', async () => (await alertsOf('tls_refused')).length === 1);
  expect(await alertsOf('tls_refused')).toEqual([HOST]);
  expect(await isShown(next)).toBe(true);
  const last = putServer();
  await until('it is shown', () => isShown(last));
  await until('the alert was resolved', async () => (await alertsOf('tls_refused')).join() === `${HOST} usable`);
  const text = await (await fetch(`${h.internalUrl}/metrics`)).text();
  expect(text).toContain('billing_secret_reloads_total{setting="TLS",outcome="refused"} 1');
});
