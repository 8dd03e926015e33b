import { testDatabaseUrl } from './database';
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
  database: (proxy: Relay, databaseUrl = testDatabaseUrl()) => ({ DATABASE_URL: through(databaseUrl, proxy) }),
  redis: (proxy: Relay) => ({ REDIS_URL: through(readInfra().redisUrl, proxy) }),
};
