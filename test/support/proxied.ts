import { readInfra } from './infra';

/** What listens between the service and a store. */
interface Relay {
  readonly port: number;
}

function through(url: string, proxy: Relay): string {
  const changed = new URL(url);
  changed.hostname = '127.0.0.1';
  changed.port = String(proxy.port);
  return changed.href;
}

/** Settings that lead the service to its stores through a relay. */
export const proxied = {
  database: (proxy: Relay, databaseUrl = workerDatabaseUrl()) => ({ DATABASE_URL: through(databaseUrl, proxy) }),
  redis: (proxy: Relay) => ({ REDIS_URL: through(readInfra().redisUrl, proxy) }),
};

/** The database of this jest worker, as its application account reaches it. */
function workerDatabaseUrl(): string {
  const { accounts, host, port } = readInfra();
  const { user, password } = accounts.app;
  const name = `billing_test_${process.env['JEST_WORKER_ID'] ?? '1'}`;
  return `mysql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
}
