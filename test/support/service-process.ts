import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startSimulator } from '../../simulator/wechatpay/server';
import { CreateOrderRequest, PaymentChannel } from '../../src/gen/billing/v1/order_service.pb';
import { call, connectClient, mustSucceed, type BillingClient, type Identity } from './clients';
import { openTestDatabase, type TestDatabase } from './database';
import { newId, serviceEnvironment } from './harness';
import { readInfra, type Infra } from './infra';
import { TestClock } from './test-clock';

/** The compiled program, as `npm start` runs it. */
const MAIN = join(__dirname, '..', '..', 'dist', 'src', 'main.js');

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** One process of the service. */
export interface ServiceProcess {
  /** Its log lines so far, parsed. */
  readonly logs: Record<string, unknown>[];
  kill(signal: 'SIGKILL' | 'SIGTERM'): void;
  readonly ended: Promise<ProcessEnd>;
}

/** What lasts longer than one process: stores, the local WeChat Pay, addresses, and clients that reconnect. */
export interface Stage {
  readonly infra: Infra;
  readonly db: TestDatabase;
  readonly grpcAddress: string;
  readonly internalUrl: string;
  /** Starts the service; resolves when it says that it is up, rejects with its output when it ends before. */
  start(): Promise<ServiceProcess>;
  as(identity: Identity): BillingClient;
  /** Registers a user who buys the monthly plan and pays it: 510 units. */
  registerMember(): Promise<{ readonly userId: string; readonly orderId: string }>;
  close(): Promise<void>;
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function startProcess(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const child: ChildProcess = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const logs: Record<string, unknown>[] = [];
  const output: string[] = [];
  const ended = once(child, 'exit').then(([code, signal]): ProcessEnd => ({ code, signal }));
  child.stderr?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  const isUp = new Promise<void>((resolve, reject) => {
    if (child.stdout === null) throw new Error('the process has no standard output');
    createInterface({ input: child.stdout }).on('line', (line) => {
      output.push(line);
      const parsed = JSON.parse(line) as Record<string, unknown>;
      logs.push(parsed);
      if (parsed['msg'] === 'billing-guard is up') resolve();
    });
    void ended.then(() => reject(new Error(`ended before it was up:\n${output.join('\n')}`)));
  });
  await isUp;
  return { logs, ended, kill: (signal) => void child.kill(signal) };
}

/** Sets the stage. `overrides` are settings of the service. */
export async function setStage(overrides: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const infra = readInfra();
  const db = await openTestDatabase(infra);
  const simulator = await startSimulator({ port: 0, materialDir: infra.wechatpayDir, clock: new TestClock() });
  const [grpc = 0, edge = 0, internal = 0] = await freePorts(3);
  const env = {
    ...serviceEnvironment(infra, db.url, simulator.url),
    GRPC_PORT: String(grpc),
    EDGE_PORT: String(edge),
    INTERNAL_PORT: String(internal),
    WECHATPAY_NOTIFY_URL: `http://127.0.0.1:${edge}/wechatpay/notify/transaction`,
    ...overrides,
  };
  const grpcAddress = `127.0.0.1:${grpc}`;
  const clients = new Map<Identity, BillingClient>();
  const running = new Set<ServiceProcess>();
  const as = (identity: Identity): BillingClient => {
    const client = clients.get(identity) ?? connectClient(grpcAddress, infra.tlsDir, identity);
    clients.set(identity, client);
    return client;
  };
  return {
    infra,
    db,
    grpcAddress,
    internalUrl: `http://127.0.0.1:${internal}`,
    as,
    start: async () => {
      const started = await startProcess(env);
      running.add(started);
      void started.ended.then(() => running.delete(started));
      return started;
    },
    registerMember: async () => {
      const { membership, order } = as('order-service');
      const userId = newId('u');
      await mustSucceed(call(membership.registerUser.bind(membership), { requestId: 'register', userId }));
      const plan = { requestId: newId('order'), userId, planId: 'monthly', channel: PaymentChannel.NATIVE };
      const asked = call(order.createOrder.bind(order), CreateOrderRequest.fromPartial(plan));
      const orderId = (await mustSucceed(asked)).order?.orderId ?? '';
      const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
      await fetch(`${simulator.url}/_control/pay`, { ...init, body: JSON.stringify({ order_id: orderId }) });
      return { userId, orderId };
    },
    close: async () => {
      for (const client of clients.values()) client.close();
      for (const service of running) {
        service.kill('SIGKILL');
        await service.ended;
      }
      await simulator.close();
      await db.close();
    },
  };
}
