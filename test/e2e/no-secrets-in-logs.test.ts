import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataKeySecrets, findLeaks, type Secret } from '../../simulator/demo/secrets/leaks';
import { sealedSecrets } from '../../simulator/demo/secrets/sealed-secrets';
import { startSimulator } from '../../simulator/wechatpay/server';
import { PaymentChannel, type CreateOrderRequest } from '../../src/gen/billing/v1/order_service.pb';
import { call, mustSucceed, type Reply } from '../support/clients';
import { freePorts } from '../../bench/runner/free-ports';
import { fetchEvidence } from '../support/evidence-calls';
import { newId, until } from '../support/harness';
import { readInfra, type Infra } from '../support/infra';
import { makeKeyFile, type KeyFile } from '../support/key-file';
import { KeyRotationState } from '../../src/gen/billing/v1/privacy_service.pb';
import { ReviewState } from '../../src/gen/billing/v1/review.pb';
import { createOrderCall } from '../support/order-calls';
import { rotate, rotationStatus } from '../support/privacy-calls';
import { endedReview, runReviewCall } from '../support/review-calls';
import { configuredSecrets } from '../support/run-secrets';
import { setStage, startProcess, type ServiceProcess, type Stage } from '../support/service-process';
import { TestClock } from '../support/test-clock';
import {
  envelope,
  paidNotification,
  signedNotification,
  transactionOf,
  type Notification,
} from '../support/wechat-notifier';

/** Where the programs of the demo are. */
const PROGRAMS = join(__dirname, '..', '..', 'dist', 'simulator', 'demo');

const CLI = join(__dirname, '..', '..', 'dist', 'src', 'cli', 'main.js');

/** Runs a program of ours. Resolves with its exit code and everything it printed. */
function run(words: readonly string[], env: Record<string, string>): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, words, { env: { ...env, PATH: process.env['PATH'] } });
  const output: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, text: output.join('') })));
}

/** Must show 7, R11.2: logs and error messages of a full demo hold no secret, no key, no openid and no whole callback. */
describe('everything that the service says, of a whole demo and of what goes wrong', () => {
  const newWebhookSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;
  const [webhookSecret, anchorSecret] = [newWebhookSecret(), newWebhookSecret()];
  const backupKey = randomBytes(32).toString('base64');
  const backupPassword = randomBytes(18).toString('hex');
  const openid = `o${randomBytes(14).toString('hex')}`;
  const clientIp = '203.0.113.77';
  const identity = `sha256-${randomBytes(32).toString('hex')}`;
  const clock = new TestClock();
  let infra: Infra;
  let stage: Stage;
  let service: ServiceProcess;
  let simulator: Awaited<ReturnType<typeof startSimulator>>;
  let directory: string;
  let keys: KeyFile;
  /** Whatever left the service: answers, and what its programs printed. */
  const said: { readonly where: string; readonly text: string }[] = [];
  const told: Secret[] = [
    { what: 'webhook secret', text: webhookSecret },
    { what: 'webhook secret of anchors', text: anchorSecret },
    { what: 'backup key', text: backupKey },
    { what: 'password backup', text: backupPassword },
    { what: 'openid', text: openid },
    { what: 'IP address of a payer', text: clientIp },
    { what: 'identity hash', text: identity },
  ];

  beforeAll(async () => {
    infra = readInfra();
    simulator = await startSimulator({ port: 0, materialDir: infra.wechatpayDir, clock });
    const [dead = 0] = await freePorts(1);
    const sink = { name: 'away', kind: 'webhook', url: `http://127.0.0.1:${dead}/`, secrets: [webhookSecret] };
    directory = mkdtempSync(join(tmpdir(), 'secrets-'));
    keys = makeKeyFile(infra.dataKeys);
    const settings = {
      LOG_LEVEL: 'trace',
      ...{ DATA_KEYS_FILE: keys.path, SECRET_FILES_POLL_MS: '200', ANCHOR_DIR: directory, BACKUP_DIR: directory },
      // It fails all the while, and the demo wants nothing given up.
      JOB_ATTEMPTS: '20',
      ...{ ANCHOR_WEBHOOK_URL: `http://127.0.0.1:${dead}/`, ANCHOR_WEBHOOK_SECRETS: anchorSecret },
      WECHATPAY_BASE_URL: simulator.url,
      // The demo reads the stream under its public name.
      EVENTS_STREAM_KEY: 'billing.events',
      EVENT_SINKS: JSON.stringify([sink]),
    };
    stage = await setStage(settings, 1);
    service = await stage.start();
  }, 60_000);
  afterAll(async () => {
    await stage.close();
    await simulator.close();
    rmSync(directory, { recursive: true });
    keys.remove();
  });

  /** The data keys of now. */
  const ring = (): string => readFileSync(keys.path, 'utf8').trim();

  /** Keys and passwords of the run, what lies sealed in its database, and what the tests told in confidence. */
  async function allSecrets(): Promise<Secret[]> {
    return [
      ...configuredSecrets(infra),
      ...dataKeySecrets(ring()),
      ...(await sealedSecrets((sql) => stage.db.query(sql), ring())),
      ...told,
    ];
  }

  /** Plays the demo against the service. Resolves with its exit code and everything it printed. */
  function playDemo(): Promise<{ code: number | null; text: string }> {
    const identities = ['ai-task-service', 'order-service', 'operations', 'operations-2', 'finance'];
    const file = (name: string): string => join(infra.tlsDir, name);
    const endpoints = {
      grpc: stage.grpcAddress,
      wechatpay: simulator.url,
      databaseUrl: stage.db.url,
      redisUrl: infra.redisUrl,
      tls: {
        ca: file('ca.crt'),
        identities: Object.fromEntries(
          identities.map((name) => [name, { cert: file(`${name}.crt`), key: file(`${name}.key`) }]),
        ),
      },
    };
    mkdirSync(join(directory, 'local'), { recursive: true });
    const path = join(directory, 'local', 'endpoints.json');
    writeFileSync(path, JSON.stringify(endpoints));
    return run([join(PROGRAMS, 'main.js')], { BILLING_ENDPOINTS: path });
  }

  /** Notes what a refused caller reads. */
  async function noteRefusal(where: string, reply: Promise<Reply<unknown>>): Promise<void> {
    const answer = await reply;
    if (answer.ok) throw new Error(`${where} was not refused`);
    const { error, metadata, fields } = answer;
    const trailers = JSON.stringify(error.metadata.getMap());
    said.push({
      where,
      text: [error.message, error.details, JSON.stringify(metadata), ...fields, trailers].join('\n'),
    });
  }

  /** Sends a notification of which something is wrong, and notes the answer. */
  async function noteNotification(where: string, { headers, body }: Notification): Promise<void> {
    told.push({ what: `body of ${where}`, text: body.toString('utf8') });
    const url = `${stage.edgeUrl}/wechatpay/notify/transaction`;
    const answer = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
    if (answer.ok) throw new Error(`${where} was taken`);
    said.push({ where, text: `${JSON.stringify([...answer.headers])}\n${await answer.text()}` });
  }

  const order = (fields: Partial<CreateOrderRequest>) =>
    createOrderCall(stage, { channel: PaymentChannel.JSAPI, openid, ...fields });

  test('the demo holds', async () => {
    const { code, text } = await playDemo();
    said.push({ where: 'the demo', text });
    expect(code === 0 ? 'it held' : text).toBe('it held');
  }, 120_000);

  test('what is refused tells nobody what was sent', async () => {
    const userId = await stage.register();
    await mustSucceed(order({ userId, requestId: 'jsapi' }));
    await mustSucceed(order({ userId, requestId: 'h5', channel: PaymentChannel.H5, openid: '', clientIp }));
    await noteRefusal('an openid that is none', order({ userId, openid: `${openid} ` }));
    await noteRefusal(
      'an address that is none',
      order({ userId, channel: PaymentChannel.H5, openid: '', clientIp: `${clientIp}.1` }),
    );
    await noteRefusal('another payer', order({ userId, requestId: 'jsapi', openid: `${openid}x` }));
    const { membership } = stage.as('order-service');
    const register = (requestId: string, identityHashes: string[]) =>
      call(membership.registerUser.bind(membership), { requestId, userId: newId('u'), identityHashes });
    await mustSucceed(register('known', [identity]));
    await noteRefusal('an identity with a line break', register('broken', [`${identity}\n`]));
    await noteRefusal(
      'too many identities',
      register(
        'many',
        Array.from({ length: 11 }, (_, i) => `${identity}${i}`),
      ),
    );
    const { gift } = stage.as('ai-task-service');
    await noteRefusal(
      'somebody who may not',
      call(gift.grantGift.bind(gift), { requestId: identity, userId, campaignId: openid }),
    );
  });

  test('what WeChat Pay tells wrongly is answered without it', async () => {
    const maker = { infra, clock };
    const userId = await stage.register();
    const { order: made } = await mustSucceed(order({ userId }));
    const orderId = made?.orderId ?? '';
    const wrong = { payer: { openid } };
    const altered = paidNotification(maker, { orderId, lies: wrong });
    await noteNotification('an altered one', { ...altered, body: Buffer.concat([altered.body, Buffer.from(' ')]) });
    await noteNotification('one of another amount', paidNotification(maker, { orderId, amount: 1, lies: wrong }));
    await noteNotification('one of no order', paidNotification(maker, { orderId: 'no-such-order', lies: wrong }));
    await noteNotification('an old one', paidNotification(maker, { orderId, lies: wrong }, 600_000));
    const sealed = envelope(
      maker,
      transactionOf(maker, { orderId, lies: wrong }),
      'TRANSACTION.SUCCESS',
      'x'.repeat(32),
    );
    await noteNotification('one that our key does not open', signedNotification(maker, sealed));
    await noteNotification('one that is no JSON', signedNotification(maker, Buffer.from(`{"openid":"${openid}"`)));
  });

  test('a fault of the database is logged without the statement that it refused', async () => {
    const userId = await stage.register();
    await stage.db.query('RENAME TABLE order_payers TO order_payers_away, user_identities TO user_identities_away');
    try {
      await noteRefusal('an order that can not be written', order({ userId }));
      const { membership } = stage.as('order-service');
      const request = { requestId: 'register', userId: newId('u'), identityHashes: [identity] };
      await noteRefusal('a registration that can not', call(membership.registerUser.bind(membership), request));
    } finally {
      await stage.db.query('RENAME TABLE order_payers_away TO order_payers, user_identities_away TO user_identities');
    }
    // Lines leave the process many at a time, after the answers.
    const faults = () => service.logs.filter(({ reason }) => reason === 'INTERNAL');
    await until('both faults are in the log', () => Promise.resolve(faults().length >= 2));
    expect(faults()).toHaveLength(2);
  });

  test('reviews, evidence, anchors and new data keys are made', async () => {
    keys.write('new', infra.dataKeys.split(':')[0] ?? '');
    const { rotation } = await mustSucceed(rotate(stage, 'new'));
    const { review } = await mustSucceed(runReviewCall(stage, 'review'));
    const { document, state } = await endedReview(stage, review?.reviewId ?? '');
    expect(state).toBe(ReviewState.DONE);
    said.push({ where: 'the review', text: document });
    await fetchEvidence(stage, { userId: await stage.register() });
    await until('all is sealed anew', async () => {
      return (await rotationStatus(stage, rotation?.rotationId)).rotation?.state === KeyRotationState.DONE;
    });
    const isTold = () =>
      Promise.resolve(service.logs.some(({ job, err }) => job === 'make-anchor' && err !== undefined));
    await until('the log says that the webhook of anchors is away', isTold);
  });

  test('a backup that can not be made says why, and neither its password nor its key', async () => {
    const { host, port } = infra;
    const url = `mysql://billing_backup:${backupPassword}@${host}:${port}/${stage.db.name}`;
    const settings = { BACKUP_DIR: directory, BACKUP_KEY: backupKey, BACKUP_DATABASE_URL: url };
    const env = { ...settings, AUDIT_SIGNING_KEY: infra.auditSigningKey };
    const { code, text } = await run([CLI, 'backup', 'create'], env);
    expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining('Access denied') as string });
    said.push({ where: 'backup create', text });
  });

  test('a service that can not start says what is wrong with which setting, never what it is', async () => {
    const settings = { DATABASE_URL: `postgres://billing:${webhookSecret}@db/billing`, DATA_KEYS: openid };
    const failure: unknown = await startProcess(settings).catch((error: unknown) => error);
    said.push({ where: 'a service that can not start', text: String(failure) });
    expect(String(failure)).toContain('DATABASE_URL');
  });

  test('no line of the log and no answer holds a secret of the run, an openid or a callback', async () => {
    const secrets = await allSecrets();
    // The scan is of something: the demo's callbacks, keys of every kind, and lines of every kind.
    expect(secrets.length).toBeGreaterThan(40);
    expect(secrets.filter(({ what }) => what === 'callback').length).toBeGreaterThan(3);
    expect(secrets.every(({ text }) => text.length >= 8)).toBe(true);
    expect(said.length).toBeGreaterThan(15);
    expect(service.logs.length).toBeGreaterThan(100);
    expect(service.logs.filter(({ level }) => level === 'error').length).toBeGreaterThan(2);

    const lines = service.logs.map((line) => JSON.stringify(line)).join('\n');
    expect(findLeaks(secrets, 'the log', lines)).toEqual([]);
    expect(said.flatMap(({ where, text }) => findLeaks(secrets, where, text))).toEqual([]);
  });

  test('and the scan finds each of them where it is planted', async () => {
    const secrets = await allSecrets();
    for (const { what, text } of secrets) {
      const line = JSON.stringify({ level: 'info', msg: `x${text}y` });
      expect(findLeaks([{ what, text }], 'the log', line)).toEqual([`the log holds: ${what}`]);
    }
  });

  test('as `npm run demo` does with the logs of its own stack: it holds, and a planted secret does not', async () => {
    const local = join(directory, 'local');
    const file = (name: string): string => join(local, name);
    symlinkSync(infra.tlsDir, file('tls'));
    symlinkSync(infra.wechatpayDir, file('wechatpay'));
    writeFileSync(file('data-keys'), ring());
    writeFileSync(file('secrets.json'), JSON.stringify({ databaseRoot: infra.rootPassword }));
    mkdirSync(file('log'));
    const lines = service.logs.map((line) => JSON.stringify(line)).join('\n');
    const scan = () => run([join(PROGRAMS, 'secrets', 'scan-logs.js'), file('endpoints.json')], {});
    writeFileSync(file('log/service.log'), lines);
    const clean = await scan();
    expect(clean).toMatchObject({ code: 0 });
    expect(clean.text).toMatch(/^None of \d+ secrets and callbacks is in the logs/);
    const callback = (await allSecrets()).find(({ what }) => what === 'callback')?.text ?? '';
    writeFileSync(file('log/service.log'), `${lines}\n${JSON.stringify({ msg: callback })}`);
    const leaking = await scan();
    expect(leaking.code).toBe(1);
    expect(leaking.text).toContain('service.log holds: callback\n');
    expect(leaking.text).not.toContain(callback);
  });
});
