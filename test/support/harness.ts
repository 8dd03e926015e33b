import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startSimulator } from '../../simulator/wechatpay/server';
import { CreateOrderRequest, PaymentChannel } from '../../src/gen/billing/v1/order_service.pb';
import { ConsumeQuotaRequest, RefundQuotaRequest } from '../../src/gen/billing/v1/quota_service.pb';
import { loadConfig } from '../../src/platform/config';
import { createLogger } from '../../src/platform/log';
import { startService, type Service } from '../../src/service';
import { call, connectClient, mustSucceed, type BillingClient, type Identity } from './clients';
import { openTestDatabase, type TestDatabase } from './database';
import { freePorts } from '../../bench/runner/free-ports';
import { readInfra, type Infra } from './infra';
import { TestClock } from './test-clock';

/** A whole service in this process: real gRPC with mTLS, real MariaDB and Redis, the real simulator over HTTP. */
export interface Harness {
  readonly infra: Infra;
  readonly db: TestDatabase;
  readonly clock: TestClock;
  readonly service: Service;
  /** `127.0.0.1:port`. */
  readonly grpcAddress: string;
  readonly edgeUrl: string;
  readonly internalUrl: string;
  readonly simulatorUrl: string;
  /** Log lines of the service so far, parsed. */
  readonly logs: Record<string, unknown>[];
  /** A client of an identity; closed with the harness. */
  as(identity: Identity): BillingClient;
  /** Posts to the simulator's control API and returns the parsed answer. */
  control(path: string, body: object): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** Settings that a test may change. */
export type Overrides = Readonly<Record<string, string>>;

/** Settings for tests of calls alone: what works beside them hardly looks for work, and takes no time from them. */
export const QUIET: Overrides = { WORKER_POLL_INTERVAL_MS: '60000', EVENTS_INTERVAL_MS: '60000' };

/** The environment a service of this test run is configured with. */
export function serviceEnvironment(infra: Infra, databaseUrl: string, wechatpayUrl: string): Record<string, string> {
  const wechatpay = (file: string): string => join(infra.wechatpayDir, file);
  const merchant = JSON.parse(readFileSync(wechatpay('config.json'), 'utf8')) as Record<string, string>;
  return {
    BILLING_ENV: 'development',
    GRPC_HOST: '127.0.0.1',
    GRPC_PORT: '0',
    EDGE_HOST: '127.0.0.1',
    EDGE_PORT: '0',
    INTERNAL_PORT: '0',
    TLS_CA_FILE: join(infra.tlsDir, 'ca.crt'),
    TLS_CERT_FILE: join(infra.tlsDir, 'server.crt'),
    TLS_KEY_FILE: join(infra.tlsDir, 'server.key'),
    DATABASE_URL: databaseUrl,
    REDIS_URL: infra.redisUrl,
    // One Redis serves all databases of a run.
    JOBS_PREFIX: new URL(databaseUrl).pathname.slice(1),
    EVENTS_STREAM_KEY: `${new URL(databaseUrl).pathname.slice(1)}.events`,
    DATA_KEYS: infra.dataKeys,
    IDENTITY_INDEX_KEY: infra.identityIndexKey,
    AUDIT_SIGNING_KEY: infra.auditSigningKey,
    WECHATPAY_BASE_URL: wechatpayUrl,
    WECHATPAY_MCHID: merchant['mchid'] ?? '',
    WECHATPAY_APPID: merchant['appid'] ?? '',
    WECHATPAY_APIV3_KEY: merchant['apiv3Key'] ?? '',
    WECHATPAY_MERCHANT_SERIAL: merchant['merchantSerial'] ?? '',
    WECHATPAY_MERCHANT_KEY_FILE: wechatpay('merchant.key'),
    WECHATPAY_PUBLIC_KEY_ID: merchant['publicKeyId'] ?? '',
    WECHATPAY_PUBLIC_KEY_FILE: wechatpay('public.pem'),
    WECHATPAY_NOTIFY_URL: 'http://127.0.0.1:1/wechatpay/notify/transaction',
    // Many tests order again and again as one user; the bound has tests of its own.
    OPEN_ORDERS_MAX: '1000',
    // The same of what one person gives back alone.
    REFUND_SECOND_PERSON_FEN: '999999999',
    REFUNDS_ALONE_PER_DAY_FEN: '999999999',
    DRAIN_NOTICE_MS: '1',
    // Each look of each job costs the machine something, whether anything is due or not.
    WORKER_POLL_INTERVAL_MS: '200',
  };
}

/** Settings with some of them changed: one that is given as a file stands in the place of its value. */
export function changed(settings: Overrides, overrides: Overrides): Record<string, string> {
  const given = Object.entries(settings).filter(([name]) => overrides[`${name}_FILE`] === undefined);
  return { ...Object.fromEntries(given), ...overrides };
}

/** What earlier tests of the file left waiting, waits for a WeChat Pay that is gone, and would disturb who looks at whole tables. */
export async function forgetWaiting(db: TestDatabase): Promise<void> {
  await db.query('UPDATE orders SET next_check_time = NULL WHERE next_check_time IS NOT NULL');
  await db.query('UPDATE refunds SET next_attempt_time = NULL WHERE next_attempt_time IS NOT NULL');
}

/** Starts everything for one test file; with a suffix on another of its databases, for tests that the rest of the file would disturb. */
export async function startHarness(overrides: Overrides = {}, databaseSuffix = ''): Promise<Harness> {
  const infra = readInfra();
  const db = await openTestDatabase(infra, databaseSuffix);
  await forgetWaiting(db);
  const clock = new TestClock();
  const simulator = await startSimulator({ port: 0, materialDir: infra.wechatpayDir, clock });
  // WeChat Pay must know where to call, so the service is told its port before it starts.
  const [edgePort = 0] = await freePorts(1);
  const own = {
    ...serviceEnvironment(infra, overrides['DATABASE_URL'] ?? db.url, simulator.url),
    EDGE_PORT: String(edgePort),
    WECHATPAY_NOTIFY_URL: `http://127.0.0.1:${edgePort}/wechatpay/notify/transaction`,
  };
  const env = changed(own, overrides);
  const logs: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void logs.push(JSON.parse(line) as Record<string, unknown>) };
  const service = await startService(
    loadConfig(env),
    createLogger({ level: 'debug', role: 'all', destination }),
    clock,
  );
  const grpcAddress = `127.0.0.1:${service.ports.grpcPort}`;
  const clients = new Map<Identity, BillingClient>();
  return {
    infra,
    db,
    clock,
    service,
    grpcAddress,
    edgeUrl: `http://127.0.0.1:${service.ports.edgePort}`,
    internalUrl: `http://127.0.0.1:${service.ports.internalPort}`,
    simulatorUrl: simulator.url,
    logs,
    as: (identity) => {
      const known = clients.get(identity) ?? connectClient(grpcAddress, infra.tlsDir, identity);
      clients.set(identity, known);
      return known;
    },
    control: async (path, body) => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      const response = await fetch(`${simulator.url}${path}`, init);
      return (await response.json()) as Record<string, unknown>;
    },
    stop: async () => {
      for (const client of clients.values()) client.close();
      await service.stop();
      await simulator.close();
      await db.close();
    },
  };
}

/** A new id that no other test uses. */
export function newId(prefix: string): string {
  return `${prefix}-${randomUUID()}`;
}

/** Registers a new user and returns the id; the user has the registration grant of 10 units. */
export async function registerUser(h: Harness): Promise<string> {
  const { membership } = h.as('order-service');
  const userId = newId('u');
  await mustSucceed(
    call(membership.registerUser.bind(membership), { requestId: 'register', userId, identityHashes: [] }),
  );
  return userId;
}

/** Registers a user and has them buy the monthly plan: 510 units. Returns the user and the order. */
export async function registerMember(h: Harness): Promise<{ userId: string; orderId: string }> {
  const userId = await registerUser(h);
  const orderId = await createOrder(h, userId);
  await h.control('/_control/pay', { order_id: orderId });
  return { userId, orderId };
}

/** Creates an order for the monthly plan and returns its id. */
export async function createOrder(h: Harness, userId: string, requestId = newId('order')): Promise<string> {
  const { order } = h.as('order-service');
  const request = CreateOrderRequest.fromPartial({
    requestId,
    userId,
    planId: 'monthly',
    channel: PaymentChannel.NATIVE,
  });
  const { order: created } = await mustSucceed(call(order.createOrder.bind(order), request));
  return created?.orderId ?? '';
}

/** Calls ConsumeQuota as the AI task service. */
export function consume(h: Harness, fields: Partial<ConsumeQuotaRequest>) {
  const { quota } = h.as('ai-task-service');
  return call(quota.consumeQuota.bind(quota), ConsumeQuotaRequest.fromPartial({ amount: 1, ...fields }));
}

/** Calls RefundQuota as the AI task service. */
export function refund(h: Harness, fields: Partial<RefundQuotaRequest>) {
  const { quota } = h.as('ai-task-service');
  return call(quota.refundQuota.bind(quota), RefundQuotaRequest.fromPartial(fields));
}

/** Between two looks at a condition: who asks without a break takes the machine from what is waited for. */
const LOOK_MS = 5;

/**
 * Waits until a condition holds; fails after half a minute, or after longer where much has to happen. For effects that come on
 * their own, never as a pause.
 */
export async function until(what: string, condition: () => Promise<boolean>, limitMs = 30_000): Promise<void> {
  const deadlineMs = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadlineMs) throw new Error(`never happened: ${what}`);
    await pause(LOOK_MS);
  }
}
