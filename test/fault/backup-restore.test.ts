import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { startSimulator } from '../../simulator/wechatpay/server';
import { migrate } from '../../src/cli/migrate';
import { verifyLedgerOf } from '../../src/cli/verify-ledger';
import { ConsumeQuotaRequest } from '../../src/gen/billing/v1/quota_service.pb';
import { listStreams, readBackupFacts, readStreamState, type StreamState } from '../../src/backup';
import { freePorts } from '../../bench/runner/free-ports';
import { setBackupStage, type BackupStage } from '../support/backup-stage';
import { call, connectClient, mustSucceed, type BillingClient, type Identity } from '../support/clients';
import { newId, serviceEnvironment, until } from '../support/harness';
import { readInfra } from '../support/infra';
import { createOrderCall } from '../support/order-calls';
import type { Callers } from '../support/promotion-calls';
import { startPrivateMariadb, type PrivateMariadb } from '../support/private-mariadb';
import { startProcess, type ServiceProcess } from '../support/service-process';
import { TestClock } from '../support/test-clock';

const MAIN = join(__dirname, '..', '..', 'dist', 'src', 'cli', 'main.js');
const USERS = 4;
const CALLERS = 16;
const LAG_MAX_MS = 1_000;

/** One consume that was acknowledged to its caller. */
interface Acknowledged {
  readonly userId: string;
  readonly requestId: string;
  readonly hash: string;
  readonly atMs: number;
}

/** One order that was acknowledged. */
interface Ordered {
  readonly orderId: string;
  readonly atMs: number;
}

/** Issue 7, must show 4; R7.4, R11.5: the database's whole data directory is destroyed under load, and comes back. */
describe('a database that is destroyed while it is written to', () => {
  let stage: BackupStage;
  let spare: PrivateMariadb;
  let simulator: Awaited<ReturnType<typeof startSimulator>>;
  let stream: ChildProcess;
  const services: ServiceProcess[] = [];
  const clients: BillingClient[] = [];
  beforeAll(async () => {
    stage = await setBackupStage();
    spare = await startPrivateMariadb();
    await migrate(migrateConfigOf(stage.source));
    simulator = await startSimulator({ port: 0, materialDir: readInfra().wechatpayDir, clock: new TestClock() });
  }, 120_000);
  afterAll(async () => {
    for (const client of clients) client.close();
    for (const service of services) {
      service.kill('SIGKILL');
      await service.ended;
    }
    stream.kill('SIGKILL');
    await simulator.close();
    await stage.close();
    await spare.close();
  });

  function migrateConfigOf(server: PrivateMariadb) {
    const accounts = { APP_DATABASE_USER: 'billing_app', REPORT_DATABASE_USER: 'billing_report' };
    return { MIGRATE_DATABASE_URL: server.urlOf('migrate'), ...accounts };
  }

  /** Starts the compiled service on a database; returns clients of it. */
  async function serve(server: PrivateMariadb) {
    const infra = readInfra();
    const [grpc = 0, edge = 0] = await freePorts(2);
    const settings = {
      GRPC_PORT: String(grpc),
      EDGE_PORT: String(edge),
      WECHATPAY_NOTIFY_URL: `http://127.0.0.1:${edge}/wechatpay/notify/transaction`,
      JOBS_PREFIX: 'backup-restore',
      EVENTS_STREAM_KEY: 'backup-restore.events',
      // Enough to consume for as long as the test runs.
      REGISTRATION_GRANT_UNITS: '1000000',
    };
    const env = { ...serviceEnvironment(infra, server.urlOf('app'), simulator.url), ...settings };
    const service = await startProcess(env);
    services.push(service);
    const open = new Map<Identity, BillingClient>();
    const as = (identity: Identity): BillingClient => {
      const client = open.get(identity) ?? connectClient(`127.0.0.1:${grpc}`, infra.tlsDir, identity);
      if (!open.has(identity)) clients.push(client);
      open.set(identity, client);
      return client;
    };
    return { service, as };
  }

  /** Runs `billing …` as a process of its own. */
  function billing(words: readonly string[], more: Readonly<Record<string, string>> = {}) {
    const options = { env: { ...stage.environment, ...more } };
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [MAIN, '--json', ...words], options, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }
  const backup = (words: readonly string[], more?: Readonly<Record<string, string>>) =>
    billing(['backup', ...words], more);

  /** A new user has what a registration gives. */
  async function register({ as }: Callers): Promise<string> {
    const { membership } = as('order-service');
    const request = { requestId: 'register', userId: newId('u'), identityHashes: [] };
    await mustSucceed(call(membership.registerUser.bind(membership), request));
    return request.userId;
  }

  async function pay(orderId: string): Promise<void> {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
    await fetch(`${simulator.url}/_control/pay`, { ...init, body: JSON.stringify({ order_id: orderId }) });
  }

  /** What a review finds on a restored server that is not about this build, which need not have been tested yet. */
  async function findingsOn(server: PrivateMariadb): Promise<readonly unknown[]> {
    const words = ['audit', 'review', '--database', '--format', 'json', '--out', server.directory];
    const { stdout, stderr } = await billing(words, { DATABASE_URL: server.urlOf('report') });
    if (stdout === '') throw new Error(stderr);
    const { problems } = JSON.parse(stdout) as { problems: { check: string }[] };
    return problems.filter(({ check }) => check !== 'claims-untested');
  }

  async function stateOfStream(): Promise<StreamState | undefined> {
    const [only] = await listStreams(stage.reader);
    return only === undefined ? undefined : readStreamState(stage.reader, only.id);
  }

  test('a backup taken under load and the stream bring back all that was acknowledged before a lag of at most a second', async () => {
    stream = spawn(process.execPath, [MAIN, 'backup', 'stream'], { env: stage.environment, stdio: 'ignore' });
    const served = await serve(stage.source);
    const users = await Promise.all(Array.from({ length: USERS }, () => register(served)));
    await until('the stream is there', async () => (await stateOfStream()) !== undefined);

    const acknowledged: Acknowledged[] = [];
    const ordered: Ordered[] = [];
    let isOver = false;
    const caller = async (index: number): Promise<void> => {
      const userId = users[index % USERS] ?? '';
      const { quota } = served.as('ai-task-service');
      while (!isOver) {
        const requestId = newId('load');
        const request = ConsumeQuotaRequest.fromPartial({ userId, requestId, amount: 1, taskId: requestId });
        const reply = await call(quota.consumeQuota.bind(quota), request, 5_000);
        const atMs = Date.now();
        if (reply.ok) acknowledged.push({ userId, requestId, hash: reply.response.log?.hash ?? '', atMs });
      }
    };
    /** Orders, and pays every second order: there are open orders and memberships when the database goes. */
    const buyer = async (): Promise<void> => {
      while (!isOver) {
        const reply = await createOrderCall(served, { userId: users[ordered.length % USERS] ?? '' });
        const orderId = reply.ok ? (reply.response.order?.orderId ?? '') : undefined;
        if (orderId === undefined) continue;
        ordered.push({ orderId, atMs: Date.now() });
        if (ordered.length % 2 === 0) await pay(orderId).catch(() => undefined);
      }
    };
    const lagsMs: number[] = [];
    const watcher = async (): Promise<void> => {
      while (!isOver) {
        lagsMs.push(Date.now() - Date.parse((await stateOfStream())?.provenTime ?? ''));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const load = [...Array.from({ length: CALLERS }, (_, index) => caller(index)), buyer(), watcher()];
    await until('there is load', async () => acknowledged.length > 200 && ordered.length > 4);
    const created = await backup(['create']);
    expect({ code: created.code, stderr: created.stderr }).toEqual({ code: 0, stderr: '' });
    const { stream: continuedBy, log } = JSON.parse(created.stdout) as Record<string, string>;
    expect([typeof continuedBy, typeof log]).toEqual(['string', 'string']);
    const atBackup = acknowledged.length;
    await until('there was load after it', async () => acknowledged.length > atBackup + 500);

    const killedMs = Date.now();
    await stage.source.kill();
    stage.source.destroyData();
    isOver = true;
    served.service.kill('SIGKILL');
    await Promise.all(load);
    // What had left the database before may still be on its way to the target's disk.
    const settled = await stateOfStream();
    stream.kill('SIGTERM');
    await once(stream, 'exit');
    const provenMs = Date.parse((await stateOfStream())?.provenTime ?? '');
    expect(provenMs).toBeGreaterThanOrEqual(Date.parse(settled?.provenTime ?? ''));
    expect(killedMs - provenMs).toBeLessThanOrEqual(LAG_MAX_MS);
    expect(Math.max(...lagsMs)).toBeLessThanOrEqual(LAG_MAX_MS);

    await spare.query('DROP DATABASE billing');
    const restored = await backup(['restore', '--to-latest'], { RESTORE_DATABASE_URL: spare.urlOf('root') });
    expect(restored.code).toBe(0);
    const report = await verifyLedgerOf(spare.urlOf('report'), undefined, () => Date.now());
    expect(report.fault).toBeUndefined();
    const rows = await spare.query("SELECT user_id, request_id, hash FROM billing.quota_logs WHERE type = 'CONSUME'");
    const hashes = new Map(rows.map((row) => [String(row['request_id']), (row['hash'] as Buffer).toString('hex')]));
    const missing = acknowledged.filter(({ requestId, hash }) => hashes.get(requestId) !== hash);
    expect(missing.filter(({ atMs }) => atMs <= provenMs)).toEqual([]);
    expect(acknowledged.length - missing.length).toBeGreaterThan(atBackup);
    const orders = await spare.query('SELECT id, status FROM billing.orders');
    const there = new Set(orders.map(({ id }) => id));
    expect(ordered.filter(({ orderId, atMs }) => atMs <= provenMs && !there.has(orderId))).toEqual([]);
    const statuses = orders.map(({ status }) => String(status));
    expect(statuses).toEqual(expect.arrayContaining(['paid', 'pending']));
    // The one buyer may just have been waiting for WeChat Pay's answer.
    expect([[], ['created']]).toContainEqual(statuses.filter((status) => status !== 'paid' && status !== 'pending'));
    // Who restored may do everything, and is taken away again; so are others that a new server has.
    const others =
      "SELECT CONCAT(QUOTE(User), '@', QUOTE(Host)) AS name FROM mysql.user WHERE User = 'root' AND Host <> 'localhost'";
    for (const { name } of await spare.query(others)) await spare.query(`DROP USER ${String(name)}`);
    // Of everything, accounts and triggers too: nothing is missing but a drill.
    expect(await findingsOn(spare)).toMatchObject([{ check: 'restore-drill-late', severity: 'medium' }]);

    // The service goes on, on accounts that were there before, and callers that ask again get what they had, or have it done.
    const { quota } = (await serve(spare)).as('ai-task-service');
    for (const { userId, requestId, hash } of new Set([...missing, ...acknowledged.slice(-20)])) {
      const request = ConsumeQuotaRequest.fromPartial({ userId, requestId, amount: 1, taskId: requestId });
      const answer = await mustSucceed(call(quota.consumeQuota.bind(quota), request));
      expect(answer.replayed).toBe(hashes.has(requestId));
      if (answer.replayed) expect(answer.log?.hash).toBe(hash);
    }
  }, 120_000);

  test('the drill is one command: it restores beside, checks, tells RPO and RTO, and leaves nothing', async () => {
    const drilled = await backup(['drill']);
    if (drilled.stdout === '') throw new Error(drilled.stderr);
    const drill = JSON.parse(drilled.stdout) as Record<string, unknown>;
    expect({ said: drilled.stderr, ...drill }).toMatchObject({
      verdict: 'ok',
      checks: ['ledger verify', 'audit verify', 'promotion check', 'audit review'].map((check) => ({
        check,
        verdict: 'ok',
      })),
    });
    expect(Object.keys(drill)).toEqual(expect.arrayContaining(['rpo_seconds', 'restore_seconds', 'rto_seconds']));
    expect(drilled.code).toBe(0);
    const verified = await backup(['verify']);
    expect({ code: verified.code, stderr: verified.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await readBackupFacts(stage.reader)).toMatchObject({ lastDrill: { isClean: true } });

    // A backup that does not come back is what the last drill says then, not that an earlier one did.
    truncateSync(join(stage.reader.target.directory, 'fulls', String(drill['backup']), 'dump.sql.gz.sealed'), 200);
    const failed = await backup(['drill']);
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('has 200 bytes, not')]);
    expect(JSON.parse(failed.stdout)).toMatchObject({
      verdict: 'FAULT',
      checks: [{ check: 'restore', verdict: 'FAULT' }],
    });
    expect(await readBackupFacts(stage.reader)).toMatchObject({ lastDrill: { isClean: false } });
  }, 120_000);
});
