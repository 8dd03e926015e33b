import { loadConfig } from '../../src/platform/config';
import { openDatabase, type Database, type PoolPurpose } from '../../src/platform/db/database';
import type { TestDatabase } from './database';
import { serviceEnvironment, type Overrides } from './harness';
import type { Infra } from './infra';

const SILENT = { transactionEnded: () => undefined, transactionRetried: () => undefined };

/** A pool as the service opens it, with its limits and its account, for code that is tried without the service around it. */
export function openServiceDatabase(
  infra: Infra,
  database: TestDatabase,
  { pool, overrides = {} }: { readonly pool?: PoolPurpose; readonly overrides?: Overrides } = {},
): Database {
  const config = loadConfig({ ...serviceEnvironment(infra, database.url, 'http://127.0.0.1:1'), ...overrides });
  return openDatabase(config, SILENT, pool);
}
