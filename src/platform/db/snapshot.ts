import type { Readable } from 'node:stream';
import { knex, type Knex } from 'knex';
import { knexSnakeCaseMappers } from 'objection';
import { addressOf, QUIET, readColumnsWith, SQL_MODE, type ColumnReader, type QueryingConnection } from './database';

/**
 * Reads a whole database as it is at one instant, for as long as that takes: for checks of everything, on a connection of
 * its own, with any account that may read. The database may be in use meanwhile; nothing is ever written.
 */
export interface Snapshot {
  /** For code that wants knex; it has names in camelCase. */
  readonly knex: Knex;
  /** The rows of a SELECT, which must be few, under the names that it says. */
  rows<Row extends object>(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** The rows of a SELECT one after another, in bounded memory. Whoever leaves early still waits for the last of them. */
  stream<Row extends object>(sql: string, values?: readonly unknown[]): AsyncIterable<Row>;
  /** The rows as arrays of their columns in the order of the SELECT: a third faster than by name. */
  arrays(sql: string, values?: readonly unknown[]): Promise<readonly (readonly unknown[])[]>;
}

/** How a snapshot is read. */
export interface SnapshotOptions {
  /** Ends the reading at once: what runs then rejects. */
  readonly signal?: AbortSignal | undefined;
}

/** Reads BIGINT as a number; what a number can not hold becomes NaN, which no check accepts, instead of an end. */
const readColumn: ColumnReader = (field, next) => {
  if (field.type !== 'LONGLONG') return next();
  const digits = field.string();
  if (digits === null) return null;
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : Number.NaN;
};

/** A mysql2 connection. */
interface Connection extends QueryingConnection {
  readonly stream: { destroy(error: Error): void };
  query(
    options: { readonly sql: string; readonly values: readonly unknown[]; readonly rowsAsArray?: boolean },
    done?: (error: Error | null, rows: unknown) => void,
  ): { stream(options: { readonly highWaterMark: number }): Readable };
}

/** Rows that wait in memory while a stream is read. */
const STREAMED_ROWS = 500;
/** How long the server waits while we do something else with what it has sent. */
const READ_PAUSE_SECONDS = 600;

function select(connection: Connection, sql: string, values: readonly unknown[], rowsAsArray: boolean) {
  return new Promise<unknown>((resolve, reject) => {
    connection.query({ sql, values, rowsAsArray }, (error, rows) => {
      if (error === null) resolve(rows);
      else reject(error);
    });
  });
}

async function* streamRows<Row>(connection: Connection, sql: string, values: readonly unknown[]): AsyncIterable<Row> {
  const rows = connection.query({ sql, values }).stream({ highWaterMark: STREAMED_ROWS });
  const ended = new Promise<void>((resolve) => {
    rows
      .once('close', resolve)
      .once('end', resolve)
      .once('error', () => resolve());
  });
  try {
    // Not destroyed by who leaves early: the connection is of no use until the last row has been read.
    for await (const row of rows.iterator({ destroyOnReturn: false })) yield row as Row;
  } finally {
    rows.resume();
    await ended;
  }
}

/** Sets what no check may depend on. The snapshot may take long, so no statement of it is timed. */
async function prepare(connection: Connection): Promise<void> {
  const [row] = (await select(connection, 'SELECT VERSION() AS version', [], false)) as { version: string }[];
  const untimed = row?.version.includes('MariaDB') === true ? 'max_statement_time = 0' : 'max_execution_time = 0';
  const session = `time_zone = '+00:00', sql_mode = '${SQL_MODE}', net_write_timeout = ${READ_PAUSE_SECONDS}`;
  await select(connection, `SET SESSION ${session}, ${untimed}`, [], false);
  // Not knex's readOnly: with an isolation level it makes SQL that no server takes.
  await select(connection, 'SET SESSION TRANSACTION READ ONLY', [], false);
}

/** knex's own access to its pool, which it leaves untyped. */
interface ConnectionSource {
  acquireConnection(): Promise<Connection>;
  releaseConnection(connection: Connection): Promise<void>;
}

/** Does work on one REPEATABLE READ snapshot of a database, taken by its first statement. */
export async function withSnapshot<Result>(
  databaseUrl: string,
  { signal }: SnapshotOptions,
  work: (snapshot: Snapshot) => Promise<Result>,
): Promise<Result> {
  const pool = knex({
    client: 'mysql2',
    connection: { ...addressOf(databaseUrl), charset: 'utf8mb4_bin', timezone: 'Z' },
    pool: { min: 0, max: 1 },
    compileSqlOnError: false,
    log: QUIET,
    ...knexSnakeCaseMappers(),
  });
  try {
    const source = pool.client as ConnectionSource;
    const connection = await source.acquireConnection();
    readColumnsWith(connection, readColumn);
    const end = (): void => connection.stream.destroy(new Error('the reading was given up'));
    signal?.addEventListener('abort', end, { once: true });
    try {
      signal?.throwIfAborted();
      await prepare(connection);
      const read = (transaction: Knex): Promise<Result> => work(snapshotOf(connection, transaction));
      return await pool.transaction(read, { connection, isolationLevel: 'repeatable read' });
    } finally {
      signal?.removeEventListener('abort', end);
      await source.releaseConnection(connection);
    }
  } finally {
    await pool.destroy();
  }
}

function snapshotOf(connection: Connection, transaction: Knex): Snapshot {
  return {
    knex: transaction,
    rows: async <Row extends object>(sql: string, values: readonly unknown[] = []) =>
      (await select(connection, sql, values, false)) as readonly Row[],
    stream: (sql, values = []) => streamRows(connection, sql, values),
    arrays: async (sql, values = []) =>
      (await select(connection, sql, values, true)) as readonly (readonly unknown[])[],
  };
}
