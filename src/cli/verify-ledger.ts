import { knex } from 'knex';
import { knexSnakeCaseMappers } from 'objection';
import { addressOf, readColumnsWith, type ColumnReader, type QueryingConnection } from '../platform/db/database';
import { verifyLedger, type LedgerReport } from '../quota';

/** Reads BIGINT as a number; what a number can not hold becomes NaN, which no check accepts, instead of an end. */
const readColumn: ColumnReader = (field, next) => {
  if (field.type !== 'LONGLONG') return next();
  const digits = field.string();
  if (digits === null) return null;
  return Number.isSafeInteger(Number(digits)) ? Number(digits) : Number.NaN;
};

function prepare(
  connection: QueryingConnection,
  done: (error: Error | null, connection: QueryingConnection) => void,
): void {
  readColumnsWith(connection, readColumn);
  done(null, connection);
}

/** Shows progress at most this often. */
const PROGRESS_INTERVAL_MS = 2_000;

/**
 * Checks the ledger of a database from one consistent snapshot, so that it may be in use meanwhile. Any account that may
 * read users, quota_logs and quota_grants will do; nothing is written.
 */
export async function verifyLedgerOf(
  databaseUrl: string,
  userId: string | undefined,
  nowMs: () => number,
): Promise<LedgerReport> {
  const connection = { ...addressOf(databaseUrl), charset: 'utf8mb4_bin', timezone: 'Z' };
  const pool = { min: 0, max: 1, afterCreate: prepare };
  const database = knex({ client: 'mysql2', connection, pool, ...knexSnakeCaseMappers() });
  let shownMs = nowMs();
  const showProgress = (users: number, rows: number): void => {
    if (nowMs() - shownMs < PROGRESS_INTERVAL_MS) return;
    shownMs = nowMs();
    process.stderr.write(`checked ${users} users, ${rows} rows …\n`);
  };
  try {
    return await database.transaction((snapshot) => verifyLedger(snapshot, userId, showProgress), {
      isolationLevel: 'repeatable read',
    });
  } finally {
    await database.destroy();
  }
}
