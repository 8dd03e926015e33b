import type { Socket } from 'node:net';
import { knex, type Knex } from 'knex';
import { knexSnakeCaseMappers } from 'objection';
import { monotonicMs } from '../clock';
import type { Config } from '../config';
import { valuesTable } from './sql-text';

/**
 * The connection pool and the rules every connection obeys. SQL here and everywhere runs on MariaDB 10.11+ and MySQL 8.
 */

/** Bounds of one transaction; see docs/timeouts.md. */
export interface TransactionLimits {
  readonly transactionTimeoutMs: number;
  readonly attemptsMax: number;
}

/** Counts what transactions do; the process's metrics implement it. */
export interface TransactionObserver {
  transactionEnded(name: string, outcome: 'committed' | 'refused' | 'failed'): void;
  transactionRetried(name: string, errno: number): void;
}

/** The database as use cases know it: opened by main.ts, used through withTx and reads. */
export interface Database {
  readonly knex: Knex;
  readonly limits: TransactionLimits;
  readonly observer: TransactionObserver;
  /** Whether every connection is at work for a database that answers, so that waiting longer may help. */
  isBusy(): boolean;
}

/** What a pool needs to know. */
export type DatabaseSettings = Pick<
  Config,
  | 'DATABASE_URL'
  | 'DATABASE_POOL_SIZE'
  | 'DATABASE_CONNECT_TIMEOUT_MS'
  | 'DATABASE_ACQUIRE_TIMEOUT_MS'
  | 'LOCK_WAIT_TIMEOUT_MS'
  | 'STATEMENT_TIMEOUT_MS'
  | 'TRANSACTION_TIMEOUT_MS'
  | 'TRANSACTION_ATTEMPTS'
>;

/** The MySQL 8 default, set on every connection so that both engines refuse the same bad data. */
export const SQL_MODE =
  'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION';

/** mysql2's view of a column while it is read. */
export interface WireField {
  readonly type: string;
  readonly table: string;
  readonly name: string;
  string(): string | null;
}

/** How a driver reads a column: its own way is `next`. */
export type ColumnReader = (field: WireField, next: () => unknown) => unknown;

/**
 * Reads BIGINT as a number and refuses what a number can not hold: mysql2 would round it silently.
 */
const readColumn: ColumnReader = (field, next) => {
  if (field.type !== 'LONGLONG') return next();
  const digits = field.string();
  if (digits === null) return null;
  const value = Number(digits);
  if (!Number.isSafeInteger(value))
    throw new RangeError(`${field.table}.${field.name} holds ${digits}: not a safe integer`);
  return value;
};

/**
 * Makes a connection read columns so, unless a query says otherwise. Not by the driver's own setting: with that, mysql2
 * 3.24.6 makes a new parser for every query, and keeps each of them for ever.
 */
export function readColumnsWith(connection: QueryingConnection, reader: ColumnReader): void {
  const query = connection.query.bind(connection);
  connection.query = (options, ...rest) =>
    query(typeof options === 'object' ? { typeCast: reader, ...options } : options, ...rest);
}

/** A mysql2 connection, as far as its queries are concerned. */
export interface QueryingConnection {
  query(options: unknown, ...rest: unknown[]): unknown;
}

/** What knex hands to afterCreate: a mysql2 connection. */
interface RawConnection extends QueryingConnection {
  query(sql: unknown, done: (error: Error | null, rows?: unknown) => void): void;
  readonly stream: Socket;
  /** The statement that waits for its answer; mysql2 has no public word for it. */
  readonly _command?: unknown;
}

/** How much longer than the statement time-out a statement may stay unanswered before its connection is given up. */
const SILENCE_SLACK_MS = 1_000;
/** After a silence the database counts as away for this long, as far as the reason of a refusal goes. */
const SILENCE_MEMORY_MS = 10_000;

/**
 * Ends a connection that has left a statement without an answer. The server ends slow statements itself; when the
 * network is dead only we can, or the connection would be lost to the pool for as long as TCP hopes.
 */
function endWhenSilent(connection: RawConnection, silenceMs: number, onSilence: () => void): void {
  const { stream } = connection;
  stream.setTimeout(silenceMs).on('timeout', () => {
    if (connection._command === undefined || connection._command === null) return;
    onSilence();
    const error = new Error(`the database has not answered for ${silenceMs} ms`);
    stream.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
  });
}

/** knex would write to the console what reaches its caller as an error anyway, and is logged there. */
const ignored = (): void => undefined;
export const QUIET = { warn: ignored, error: ignored, deprecate: ignored, debug: ignored };

function sessionStatements(settings: DatabaseSettings, isMariaDb: boolean): readonly string[] {
  const lockWaitSeconds = Math.max(1, Math.ceil(settings.LOCK_WAIT_TIMEOUT_MS / 1_000));
  // What guards the ledger is at work whatever the server's own settings say; MySQL's CHECKs can not be switched off.
  const engineSettings = isMariaDb
    ? `max_statement_time = ${settings.STATEMENT_TIMEOUT_MS / 1_000}, check_constraint_checks = 1`
    : `max_execution_time = ${settings.STATEMENT_TIMEOUT_MS}`;
  return [
    'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
    `SET SESSION time_zone = '+00:00', sql_mode = '${SQL_MODE}', ` +
      `unique_checks = 1, innodb_lock_wait_timeout = ${lockWaitSeconds}, ${engineSettings}`,
  ];
}

/** What ids may hold that JSON writes with a backslash. */
const ESCAPED_ID = '"\\';
/** Two rows, because a table of one is not made of JSON. */
const READ_BACK = `SELECT id FROM ${valuesTable({ id: 'id' }, [[ESCAPED_ID], [ESCAPED_ID]])}`;

/**
 * A session whose strings have no backslash escapes would read our literals otherwise than we write them; a server that
 * does not undo the escapes of JSON would read other ids.
 */
function checkSession(connection: RawConnection, done: (error: Error | null, connection: RawConnection) => void): void {
  connection.query('SELECT @@SESSION.sql_mode AS mode', (error, rows) => {
    const { mode = '' } = (rows as { mode: string }[] | undefined)?.[0] ?? {};
    const isUnfit = mode.includes('NO_BACKSLASH_ESCAPES');
    if (isUnfit) return done(new Error(`sql_mode is ${mode}: NO_BACKSLASH_ESCAPES must be off`), connection);
    if (error !== null) return done(error, connection);
    connection.query(READ_BACK, (readError, ids) => {
      const { id } = (ids as { id: string }[] | undefined)?.[0] ?? {};
      const isOther = readError === null && id !== ESCAPED_ID;
      done(isOther ? new Error('JSON_TABLE of this server changes ids: use another release') : readError, connection);
    });
  });
}

/** Prepares a fresh connection: isolation, zone, mode, time-outs. mysql2's own `timezone` does not set the session's. */
function prepareSession(settings: DatabaseSettings, onSilence: () => void) {
  return (connection: RawConnection, done: (error: Error | null, connection: RawConnection) => void): void => {
    readColumnsWith(connection, readColumn);
    endWhenSilent(connection, settings.STATEMENT_TIMEOUT_MS + SILENCE_SLACK_MS, onSilence);
    connection.query('SELECT VERSION() AS version', (versionError, rows) => {
      if (versionError !== null) return done(versionError, connection);
      const version = (rows as { version: string }[])[0]?.version ?? '';
      const statements = [...sessionStatements(settings, version.includes('MariaDB'))];
      const runNext = (error: Error | null): void => {
        const statement = statements.shift();
        if (error !== null) return done(error, connection);
        if (statement === undefined) return checkSession(connection, done);
        connection.query(statement, runNext);
      };
      runNext(null);
    });
  };
}

/** Where a `mysql://user:password@host:port/database` leads, as the driver wants to be told. */
export function addressOf(databaseUrl: string) {
  const url = new URL(databaseUrl);
  return {
    host: url.hostname,
    port: Number(url.port === '' ? 3306 : url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
  };
}

/** knex's pool, as far as we ask it. */
interface ConnectionCounts {
  numUsed(): number;
}

/** What a pool is for, where it is not for everything. */
export interface PoolPurpose {
  /** Connections at most, instead of DATABASE_POOL_SIZE. */
  readonly size: number;
  /** Whether several statements may go in one round trip: only for code whose every value is quoted by sql-text.ts. */
  readonly multipleStatements: boolean;
}

/** Opens a pool. No connection is made before the first query. */
export function openDatabase(
  settings: DatabaseSettings,
  observer: TransactionObserver,
  purpose: PoolPurpose = { size: settings.DATABASE_POOL_SIZE, multipleStatements: false },
): Database {
  let silentUntilMs = 0;
  const pool = knex({
    client: 'mysql2',
    connection: {
      ...addressOf(settings.DATABASE_URL),
      charset: 'utf8mb4_bin',
      timezone: 'Z',
      connectTimeout: settings.DATABASE_CONNECT_TIMEOUT_MS,
      multipleStatements: purpose.multipleStatements,
    },
    pool: {
      min: 0,
      max: purpose.size,
      idleTimeoutMillis: 60_000,
      acquireTimeoutMillis: settings.DATABASE_ACQUIRE_TIMEOUT_MS,
      createTimeoutMillis: settings.DATABASE_CONNECT_TIMEOUT_MS,
      propagateCreateError: true,
      afterCreate: prepareSession(settings, () => {
        silentUntilMs = monotonicMs() + SILENCE_MEMORY_MS;
      }),
    },
    // A statement in an error message keeps its question marks: values do not belong in a log.
    compileSqlOnError: false,
    log: QUIET,
    ...knexSnakeCaseMappers(),
  });
  return {
    knex: pool,
    limits: { transactionTimeoutMs: settings.TRANSACTION_TIMEOUT_MS, attemptsMax: settings.TRANSACTION_ATTEMPTS },
    observer,
    isBusy: () => {
      const { pool: connections } = pool.client as { pool: ConnectionCounts };
      return connections.numUsed() >= purpose.size && monotonicMs() >= silentUntilMs;
    },
  };
}

/** The database's clock, for the readiness check that compares it with ours. */
export async function readDatabaseTime(db: Database): Promise<Date> {
  const rows = await db.knex.select<{ now: Date }[]>(db.knex.raw('UTC_TIMESTAMP(3) AS now'));
  const now = rows[0]?.now;
  if (now === undefined) throw new Error('the database did not tell its time');
  return now;
}
