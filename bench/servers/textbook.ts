import { knex } from 'knex';
import { knexSnakeCaseMappers } from 'objection';
import { systemClock } from '../../src/platform/clock';
import { addressOf } from '../../src/platform/db/database';
import { toConsumeResponse } from './consume-message';
import { readServerSettings, serveConsume } from './serve';
import { textbookConsume } from './textbook-consume';

/** The textbook: what a careful team writes first. No queue, no batch, no Redis; the pool is all that bounds it. */

const ACTOR = 'spiffe://billing/ai-task-service/ai-task-service';

/** A connection as knex hands it to afterCreate. */
interface RawConnection {
  query(sql: string, done: (error: Error | null) => void): void;
}

const settings = readServerSettings();
const pool = knex({
  client: 'mysql2',
  connection: { ...addressOf(settings.databaseUrl), charset: 'utf8mb4_bin', timezone: 'Z' },
  pool: {
    min: settings.poolSize,
    max: settings.poolSize,
    acquireTimeoutMillis: 10_000,
    afterCreate: (connection: RawConnection, done: (error: Error | null, connection: RawConnection) => void) =>
      connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', (error) => done(error, connection)),
  },
  ...knexSnakeCaseMappers(),
});

serveConsume(settings, async (request) => {
  const { requestId, userId, amount, taskId, taskType, description } = request;
  const command = { requestId, userId, amount, taskId, taskType, description, actor: ACTOR };
  const { log, replayed } = await textbookConsume(pool, { kind: 'ConsumeQuota', ...command }, systemClock.now());
  return toConsumeResponse(log, replayed);
});
