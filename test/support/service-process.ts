import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startSimulator } from '../../simulator/wechatpay/server';
import { CreateOrderRequest, PaymentChannel } from '../../src/gen/billing/v1/order_service.pb';
import { call, connectClient, mustSucceed, type BillingClient, type Identity } from './clients';
import { openTestDatabase, type TestDatabase } from './database';
import { freePorts } from '../../bench/runner/free-ports';
import { changed, forgetWaiting, newId, serviceEnvironment } from './harness';
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

/** Where one process of the service runs, again and again: its addresses, and clients that reconnect. */
export interface Place {
  readonly grpcAddress: string;
  readonly internalUrl: string;
  /** Where WeChat Pay's notifications arrive. */
  readonly edgeUrl: string;
  /** Starts the service; resolves when it says that it is up, rejects with its output when it ends before. */
  start(): Promise<ServiceProcess>;
  as(identity: Identity): BillingClient;
}

/** What lasts longer than one process: stores, the local WeChat Pay, and places. The stage is its own first place. */
export interface Stage extends Place {
  readonly infra: Infra;
  readonly db: TestDatabase;
  readonly places: readonly Place[];
  /** Registers a new user. Returns the id. */
  register(): Promise<string>;
  /** Pays an order at the local WeChat Pay; returns when the service has answered the notification. */
  pay(orderId: string): Promise<void>;
  /** Registers a user who buys the monthly plan and pays it: 510 units. */
  registerMember(): Promise<{ readonly userId: string; readonly orderId: string }>;
  close(): Promise<void>;
}

/** Starts the compiled service with this environment; resolves when it says that it is up. */
export async function startProcess(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
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

/** What of a place the stage ends. */
interface OwnedPlace extends Place {
  close(): Promise<void>;
}

async function makePlace(infra: Infra, settings: Readonly<Record<string, string>>): Promise<OwnedPlace> {
  const [grpc = 0, edge = 0, internal = 0] = await freePorts(3);
  const env = {
    GRPC_PORT: String(grpc),
    EDGE_PORT: String(edge),
    INTERNAL_PORT: String(internal),
    WECHATPAY_NOTIFY_URL: `http://127.0.0.1:${edge}/wechatpay/notify/transaction`,
  };
  const grpcAddress = `127.0.0.1:${grpc}`;
  const clients = new Map<Identity, BillingClient>();
  const running = new Set<ServiceProcess>();
  return {
    grpcAddress,
    internalUrl: `http://127.0.0.1:${internal}`,
    edgeUrl: `http://127.0.0.1:${edge}`,
    as: (identity) => {
      const client = clients.get(identity) ?? connectClient(grpcAddress, infra.tlsDir, identity);
      clients.set(identity, client);
      return client;
    },
    start: async () => {
      const started = await startProcess({ ...settings, ...env });
      running.add(started);
      void started.ended.then(() => running.delete(started));
      return started;
    },
    close: async () => {
      for (const client of clients.values()) client.close();
      for (const service of running) {
        service.kill('SIGKILL');
        await service.ended;
      }
    },
  };
}

/** Sets the stage for so many processes on one database. `overrides` are settings of the service. */
export async function setStage(overrides: Readonly<Record<string, string>> = {}, processes = 1): Promise<Stage> {
  const infra = readInfra();
  const db = await openTestDatabase(infra);
  await forgetWaiting(db);
  const simulator = await startSimulator({ port: 0, materialDir: infra.wechatpayDir, clock: new TestClock() });
  const own = serviceEnvironment(infra, overrides['DATABASE_URL'] ?? db.url, simulator.url);
  const settings = changed(own, overrides);
  const first = await makePlace(infra, settings);
  const places = [first];
  while (places.length < processes) places.push(await makePlace(infra, settings));
  const register = async (): Promise<string> => {
    const { membership } = first.as('order-service');
    const userId = newId('u');
    const request = { requestId: 'register', userId, identityHashes: [] };
    await mustSucceed(call(membership.registerUser.bind(membership), request));
    return userId;
  };
  const pay = async (orderId: string): Promise<void> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
    await fetch(`${simulator.url}/_control/pay`, { ...init, body: JSON.stringify({ order_id: orderId }) });
  };
  return {
    ...first,
    infra,
    db,
    places,
    register,
    pay,
    registerMember: async () => {
      const { order } = first.as('order-service');
      const userId = await register();
      const plan = { requestId: newId('order'), userId, planId: 'monthly', channel: PaymentChannel.NATIVE };
      const asked = call(order.createOrder.bind(order), CreateOrderRequest.fromPartial(plan));
      const orderId = (await mustSucceed(asked)).order?.orderId ?? '';
      await pay(orderId);
      return { userId, orderId };
    },
    close: async () => {
      for (const place of places) await place.close();
      await simulator.close();
      await db.close();
    },
  };
}
