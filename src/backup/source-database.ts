import { knex, type Knex } from 'knex';
import { addressOf } from '../platform/db/database';
import type { LogPosition, ServerIdentity } from './documents';
import { SourceAwayError } from './backup.errors';

/** The database that is backed up, asked over one connection. Nothing is written to it. */

/** Longest wait for the database: a question of the stream is small, and its lag grows meanwhile. */
const ANSWER_MAX_MS = 5_000;
/** The lock that keeps migrations away is the connection's: it must not be tidied away while a long dump runs. */
const IDLE_MAX_MS = 86_400_000;

/** knex would write to the console what reaches its caller as an error anyway. */
const ignored = (): void => undefined;
const QUIET = { warn: ignored, error: ignored, deprecate: ignored, debug: ignored };

export interface SourceDatabase {
  readonly knex: Knex;
  /** Where the log ends now: what was acknowledged before the question is before it. */
  position(): Promise<LogPosition>;
  /** The log files that the server still has, oldest first. */
  logFiles(): Promise<readonly string[]>;
  identity(): Promise<ServerIdentity>;
  /** Takes a lock that ends with the connection. Throws when another process has it: one that waits takes over when that one ends. */
  lock(name: string): Promise<void>;
  /** Throws when the lock is not ours any more: a connection that ended takes it along, and the next question opens another. */
  requireLock(name: string): Promise<void>;
  close(): Promise<void>;
}

type Rows = readonly Readonly<Record<string, unknown>>[];

/** Opens the database; no connection is made before the first question. */
export function openSource(databaseUrl: string): SourceDatabase {
  const pool = { min: 0, max: 1, idleTimeoutMillis: IDLE_MAX_MS };
  const connection = { ...addressOf(databaseUrl), charset: 'utf8mb4_bin', connectTimeout: ANSWER_MAX_MS };
  const database = knex({ client: 'mysql2', connection, pool, acquireConnectionTimeout: ANSWER_MAX_MS, log: QUIET });
  const ask = async (sql: string, values: readonly string[] = []): Promise<Rows> => {
    try {
      const [rows] = (await database.raw(sql, values).timeout(ANSWER_MAX_MS)) as [Rows];
      return rows;
    } catch (error) {
      throw new SourceAwayError(`the database does not answer: ${error instanceof Error ? error.message : ''}`, error);
    }
  };
  return {
    knex: database,
    position: async () => {
      const [row] = await askForPosition(ask);
      const [file, position] = [row?.['File'], Number(row?.['Position'])];
      if (typeof file === 'string' && Number.isSafeInteger(position)) return { file, position };
      throw new SourceAwayError('the database keeps no binary log: start it with --log-bin and binlog_format ROW');
    },
    logFiles: async () => (await ask('SHOW BINARY LOGS')).map((row) => String(row['Log_name'])),
    identity: async () => {
      const [row] = await ask('SELECT VERSION() AS version, @@hostname AS hostname, @@port AS port, @@server_id AS id');
      const { version, hostname, port, id } = row ?? {};
      return { version: String(version), hostname: String(hostname), port: Number(port), serverId: Number(id) };
    },
    lock: async (name) => {
      await ask(`SET SESSION wait_timeout = ${IDLE_MAX_MS / 1_000}`);
      const [row] = await ask('SELECT GET_LOCK(?, 0) AS got', [name]);
      if (row?.['got'] !== 1) throw new SourceAwayError(`another process holds the lock ${name}`);
    },
    requireLock: async (name) => {
      const [row] = await ask('SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS isOurs', [name]);
      if (row?.['isOurs'] !== 1) throw new SourceAwayError(`the connection that held the lock ${name} has ended`);
    },
    close: () => database.destroy(),
  };
}

/** MySQL 8.4 has another word for it, and not the old one any more. */
async function askForPosition(ask: (sql: string) => Promise<Rows>): Promise<Rows> {
  try {
    return await ask('SHOW MASTER STATUS');
  } catch (error) {
    if ((error as { cause?: { errno?: number } }).cause?.errno !== 1064) throw error;
    return ask('SHOW BINARY LOG STATUS');
  }
}
