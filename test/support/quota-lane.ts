import type { Redis } from 'ioredis';
import type { Database } from '../../src/platform/db/database';
import type { LockMode } from '../../src/platform/db/group-commit';
import { createLogger } from '../../src/platform/log';
import { openRedis } from '../../src/platform/redis';
import type { Clock } from '../../src/platform/clock';
import { createQuotaCommits, createUserLocks, QUOTA_CONNECTIONS, type QuotaCommits } from '../../src/quota';
import type { QuotaPolicy } from '../../src/quota/commands';
import type { TermsSources } from '../../src/quota/listed-commands';
import type { TestDatabase } from './database';
import type { Infra } from './infra';
import { openServiceDatabase } from './service-database';

/** The lane of quota commands on the real stores, without the service around it. */
export interface QuotaLane {
  readonly commits: QuotaCommits;
  /** The lane's own pool. */
  readonly db: Database;
  readonly redis: Redis;
  /** Batches so far, by how they treat locked rows: their sizes. */
  readonly batches: Readonly<Record<LockMode, number[]>>;
  close(): Promise<void>;
}

/** The service's default. */
const REDIS_TIMEOUT_MS = 50;
const SILENT = createLogger({ level: 'silent', role: 'all', destination: { write: () => undefined } });

/** Nothing is listed. */
const UNLISTED: TermsSources = {
  tariffs: { tariffOf: () => undefined, ready: () => Promise.resolve() },
  entitlements: {
    reads: () => [],
    entitlementsOf: () => {
      throw new Error('nobody asks what users hold where nothing is listed');
    },
  },
};

/** Opens a lane as service.ts does. */
export function openQuotaLane(
  infra: Infra,
  database: TestDatabase,
  clock: Clock,
  policy: QuotaPolicy,
  terms = UNLISTED,
): QuotaLane {
  const db = openServiceDatabase(infra, database, {
    pool: { size: QUOTA_CONNECTIONS, multipleStatements: true },
    // A busy machine must not turn waiting for a connection into a refusal.
    overrides: { DATABASE_ACQUIRE_TIMEOUT_MS: '20000' },
  });
  const redis = openRedis(infra.redisUrl, REDIS_TIMEOUT_MS, SILENT);
  const batches: Record<LockMode, number[]> = { skip: [], wait: [] };
  const commits = createQuotaCommits({
    db,
    clock,
    policy,
    terms,
    userLocks: createUserLocks(redis, () => undefined),
    onBatch: (size, mode) => void batches[mode].push(size),
  });
  const close = async (): Promise<void> => {
    await commits.close();
    await db.knex.destroy();
    redis.disconnect();
  };
  return { commits, db, redis, batches, close };
}
