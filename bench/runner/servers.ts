import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { loadConfig, type Config } from '../../src/platform/config';
import type { ServerSettings } from '../servers/serve';
import { startLogged, startScript } from './child';
import { freePorts } from './free-ports';
import { databaseUrl, type BenchInfra } from './infra';

/** A server under load. */
export interface RunningServer {
  readonly child: ChildProcess;
  readonly port: number;
}

const START_MS_MAX = 30_000;
const POLL_MS = 50;

/** Starts one of bench/servers; resolves when it listens. */
export function startBenchServer(script: string, settings: ServerSettings): Promise<RunningServer> {
  return new Promise((resolve, reject) => {
    const child = startScript(`bench/servers/${script}.js`, settings, (line) => {
      resolve({ child, port: (JSON.parse(line) as { port: number }).port });
    });
    child.once('exit', () => reject(new Error(`the server ${script} ended`)));
  });
}

/** Where WeChat Pay is in runs in which nobody orders. */
export const NO_WECHATPAY = 'http://127.0.0.1:1';

/** The service's settings: all defaults but for addresses and secrets. */
function serviceEnvironment(
  infra: BenchInfra,
  database: string,
  wechatpayUrl: string,
  ports: readonly number[],
): Record<string, string> {
  const [grpc = 0, edge = 0, internal = 0] = ports;
  const wechatpay = (file: string): string => join(infra.wechatpayDir, file);
  const merchant = JSON.parse(readFileSync(wechatpay('config.json'), 'utf8')) as Record<string, string>;
  return {
    BILLING_ENV: 'development',
    GRPC_HOST: '127.0.0.1',
    GRPC_PORT: String(grpc),
    EDGE_HOST: '127.0.0.1',
    EDGE_PORT: String(edge),
    INTERNAL_PORT: String(internal),
    TLS_CA_FILE: join(infra.tlsDir, 'ca.crt'),
    TLS_CERT_FILE: join(infra.tlsDir, 'server.crt'),
    TLS_KEY_FILE: join(infra.tlsDir, 'server.key'),
    DATABASE_URL: databaseUrl(infra, 'app', database),
    REDIS_URL: infra.redisUrl,
    EVENTS_STREAM_KEY: `${database}.events`,
    DATA_KEYS: infra.dataKeys,
    IDENTITY_INDEX_KEY: infra.identityIndexKey,
    AUDIT_SIGNING_KEY: infra.auditSigningKey,
    WECHATPAY_BASE_URL: wechatpayUrl,
    WECHATPAY_NOTIFY_URL: `http://127.0.0.1:${edge}/wechatpay/notify/transaction`,
    WECHATPAY_MCHID: merchant['mchid'] ?? '',
    WECHATPAY_APPID: merchant['appid'] ?? '',
    WECHATPAY_APIV3_KEY: merchant['apiv3Key'] ?? '',
    WECHATPAY_MERCHANT_SERIAL: merchant['merchantSerial'] ?? '',
    WECHATPAY_MERCHANT_KEY_FILE: wechatpay('merchant.key'),
    WECHATPAY_PUBLIC_KEY_ID: merchant['publicKeyId'] ?? '',
    WECHATPAY_PUBLIC_KEY_FILE: wechatpay('public.pem'),
  };
}

/** The same, read, for code of the service that a run uses without the service around it. */
export function serviceConfig(infra: BenchInfra, database: string): Config {
  return loadConfig(serviceEnvironment(infra, database, NO_WECHATPAY, [1, 2, 3]));
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).status === 200;
  } catch {
    return false;
  }
}

/** Resolves when a child answers 200 to a look at `url`. */
async function untilReady(child: ChildProcess, url: string, logFile: string): Promise<void> {
  const giveUpAtMs = performance.now() + START_MS_MAX;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || performance.now() > giveUpAtMs) throw new Error(`not ready; see ${logFile}`);
    await pause(POLL_MS);
  }
}

/** Starts the service as `npm start` does, all roles in one process; resolves when it is ready. */
export async function startService(
  infra: BenchInfra,
  database: string,
  wechatpayUrl = NO_WECHATPAY,
): Promise<RunningServer> {
  const ports = await freePorts(3);
  const logFile = join(infra.directory, 'log', `service-${database}.log`);
  const child = startLogged('src/main.js', serviceEnvironment(infra, database, wechatpayUrl, ports), logFile);
  await untilReady(child, `http://127.0.0.1:${ports[2] ?? 0}/readyz`, logFile);
  return { child, port: ports[0] ?? 0 };
}

/** Starts the local WeChat Pay; resolves with its origin when it answers. */
export async function startWechatpay(infra: BenchInfra): Promise<string> {
  const [port = 0] = await freePorts(1);
  const logFile = join(infra.directory, 'log', 'wechatpay.log');
  const stateDir = join(infra.directory, 'wechatpay-state');
  mkdirSync(stateDir, { recursive: true });
  const env = {
    SIMULATOR_PORT: String(port),
    SIMULATOR_MATERIAL_DIR: infra.wechatpayDir,
    SIMULATOR_STATE_DIR: stateDir,
  };
  const url = `http://127.0.0.1:${port}`;
  await untilReady(startLogged('simulator/wechatpay/main.js', env, logFile), `${url}/_control/health`, logFile);
  return url;
}
