import { readFileSync } from 'node:fs';
import { createConnection, type Connection } from 'mysql2/promise';

/** The private servers that `npm run bench` started for this run. */
export interface BenchInfra {
  /** For logs and whatever else a run leaves. */
  readonly directory: string;
  readonly rootSocket: string;
  readonly rootPassword: string;
  readonly port: number;
  readonly redisUrl: string;
  readonly tlsDir: string;
  readonly wechatpayDir: string;
  readonly accounts: Readonly<
    Record<'migrate' | 'app' | 'report', { readonly user: string; readonly password: string }>
  >;
  readonly dataKeys: string;
  readonly identityIndexKey: string;
  readonly auditSigningKey: string;
  readonly pids: { readonly mariadb: number; readonly redis: number };
}

/** Reads where the servers are, as the launcher wrote it. */
export function readInfra(file: string): BenchInfra {
  return JSON.parse(readFileSync(file, 'utf8')) as BenchInfra;
}

/** The URL of a database for an account. */
export function databaseUrl(infra: BenchInfra, account: 'migrate' | 'app' | 'report', database: string): string {
  const { user, password } = infra.accounts[account];
  return `mysql://${user}:${encodeURIComponent(password)}@127.0.0.1:${infra.port}/${database}`;
}

/**
 * Connects as root, for what no account of the service may do: making databases, filling and emptying tables. What this
 * connection writes stays out of the binary log, so that preparing a run does not slow it.
 */
export async function connectAsRoot(infra: BenchInfra): Promise<Connection> {
  const root = await createConnection({
    socketPath: infra.rootSocket,
    user: 'root',
    password: infra.rootPassword,
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    supportBigNumbers: true,
  });
  await root.query("SET SESSION sql_log_bin = 0, time_zone = '+00:00'");
  return root;
}
