import { Redis } from 'ioredis';
import { freePorts } from '../../bench/runner/free-ports';
import type { Database } from '../../src/platform/db/database';
import { appendEvents } from '../../src/platform/db/outbox';
import { withTx } from '../../src/platform/db/tx';
import { openTestDatabase, type TestDatabase } from './database';
import { EventReader } from './event-reader';
import { readInfra } from './infra';
import { startPrivateRedis, type PrivateRedis } from './private-redis';
import { openServiceDatabase } from './service-database';

/** The stream's public name. */
export const STREAM = 'billing.events';
const NOW = new Date('2026-03-01T00:00:00.000Z');

/** A database and a Redis for tests of the relay alone, which may do anything to both. */
export interface RelayStage {
  readonly database: TestDatabase;
  readonly db: Database;
  readonly redisServer: PrivateRedis;
  readonly redisPort: number;
  readonly redis: Redis;
  /** Nobody's lease, nothing that waits, an empty stream and somebody who reads it. */
  begin(): Promise<EventReader>;
  /** Commits an event. */
  append(userId: string, n: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens a stage. */
export async function openRelayStage(connections: number): Promise<RelayStage> {
  const infra = readInfra();
  const database = await openTestDatabase(infra);
  const db = openServiceDatabase(infra, database, { pool: { size: connections, multipleStatements: true } });
  const [redisPort = 0] = await freePorts(1);
  const redisServer = await startPrivateRedis(redisPort);
  const redis = new Redis(redisServer.url, { maxRetriesPerRequest: 1, retryStrategy: () => 50 });
  redis.on('error', () => undefined);
  return {
    ...{ database, db, redisServer, redisPort, redis },
    begin: async () => {
      await redis.flushall();
      // As root, which the triggers hinder not.
      await database.query('TRUNCATE TABLE event_relay');
      await database.query('TRUNCATE TABLE outbox');
      return new EventReader(redisServer.url, STREAM);
    },
    append: (userId, n) =>
      withTx(db, { name: 'test' }, (tx) => appendEvents(tx, [{ type: 'test.happened', userId, payload: { n } }], NOW)),
    close: async () => {
      redis.disconnect();
      await redisServer.kill();
      await db.knex.destroy();
      await database.close();
    },
  };
}

/** The numbers that a reader saw of a user, in order. */
export function numbersOf({ seen }: EventReader, userId: string): unknown[] {
  return seen.filter(({ subject }) => subject === userId).map(({ data }) => data['n']);
}
