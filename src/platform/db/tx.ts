import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { Cancellation } from '../calls';
import { DomainError, platformErrors } from '../errors';
import type { Database } from './database';
import { isDatabaseUnavailable, isLockWaitTimeout, isPoolExhausted, isSilence, retryableErrno } from './sql-errors';

/** An open transaction. Branded, so that a plain connection pool does not fit where a transaction is meant. */
export type Tx = Knex.Transaction & { readonly __brand: 'Tx' };

/** Name and limits of one transaction. */
export interface TxOptions {
  /** For metrics and logs: the use case. */
  readonly name: string;
  /** Aborted when the caller is gone: the transaction is then rolled back, never committed. */
  readonly signal?: Cancellation | undefined;
}

/** A mysql2 connection, as far as transactions use one themselves. */
export interface TxConnection {
  readonly stream: { destroy(error: Error): void };
  /** Whether it takes several statements at once. */
  readonly config: { readonly multipleStatements?: boolean };
  query(
    options: {
      readonly sql: string;
      readonly values: null;
      readonly rowsAsArray: boolean;
      readonly typeCast: boolean;
    },
    done: (error: Error | null, result: unknown) => void,
  ): void;
}

/** The connection of each open transaction: for statements.ts, which talks to the driver itself. */
const connections = new WeakMap<object, TxConnection>();

/** The connection that a transaction runs on. */
export function connectionOf(tx: Tx): TxConnection {
  const connection = connections.get(tx);
  if (connection === undefined) throw new Error('not a transaction of withTx');
  return connection;
}

/** knex's own access to its pool, which it leaves untyped. */
interface ConnectionSource {
  acquireConnection(): Promise<TxConnection>;
  releaseConnection(connection: TxConnection): Promise<void>;
}

const PAUSE_BASE_MS = 5;
const PAUSE_MAX_MS = 200;
const LOCK_WAITS_MAX = 2;

function refuseIfAborted(signal: Cancellation | undefined): void {
  if (signal?.aborted !== true) return;
  throw signal.reason instanceof DomainError ? signal.reason : platformErrors.CANCELLED();
}

/**
 * Ends a connection, and what waits for an answer on it. The driver's own destroy() waits for the answer in politeness,
 * and for ever if the connection then breaks.
 */
export function endConnection(connection: TxConnection, why: string): void {
  connection.stream.destroy(Object.assign(new Error(why), { code: 'ETIMEDOUT' }));
}

/** Does work on a connection of its own, which is ended when the work overstays. */
export async function onOwnConnection<Result>(
  db: Database,
  options: TxOptions,
  work: (connection: TxConnection) => Promise<Result>,
): Promise<Result> {
  const source = db.knex.client as ConnectionSource;
  const connection = await source.acquireConnection();
  const { transactionTimeoutMs } = db.limits;
  const endOverdue = (): void => endConnection(connection, `it was not over after ${transactionTimeoutMs} ms`);
  const timer = setTimeout(endOverdue, transactionTimeoutMs);
  try {
    // The wait for the connection may have outlasted the caller.
    refuseIfAborted(options.signal);
    return await work(connection);
  } finally {
    clearTimeout(timer);
    await source.releaseConnection(connection);
  }
}

/**
 * The only way to open a transaction of single steps: READ COMMITTED, bounded in time, run again after a deadlock (1213),
 * one lock wait time-out (1205) or a changed snapshot (1020), and after a connection that was lost before COMMIT was sent.
 * Batches have withBatchTx.
 *
 * `run` may run more than once and so touches nothing but `tx`. Throws the refusal `run` throws, CONTENTION when the
 * retries are used up, OVERLOADED without a free connection, DATABASE_UNAVAILABLE when the database can not be asked or
 * the outcome of COMMIT is not known, and the reason of `signal` when the caller is gone.
 */
export function withTx<Result>(db: Database, options: TxOptions, run: (tx: Tx) => Promise<Result>): Promise<Result> {
  return repeatedly(db, options, (onCommitting) =>
    onOwnConnection(db, options, (connection) =>
      db.knex.transaction(
        async (transaction) => {
          connections.set(transaction, connection);
          const result = await run(transaction as Tx);
          refuseIfAborted(options.signal);
          onCommitting('outcome unknown if lost');
          return result;
        },
        { connection },
      ),
    ),
  );
}

/**
 * What a lost answer to COMMIT means for an attempt: that nobody knows, or that another attempt finds out, because it
 * recognises what this one may have committed.
 */
export type CommitDoubt = 'outcome unknown if lost' | 'next attempt finds out';

/** Runs attempts of one transaction until one comes through, as withTx describes. */
export async function repeatedly<Result>(
  db: Database,
  options: TxOptions,
  attempt: (onCommitting: (doubt: CommitDoubt) => void) => Promise<Result>,
): Promise<Result> {
  for (let attempts = 1; ; attempts += 1) {
    refuseIfAborted(options.signal);
    let isInDoubt = false;
    try {
      const result = await attempt((doubt) => {
        isInDoubt = doubt === 'outcome unknown if lost';
      });
      db.observer.transactionEnded(options.name, 'committed');
      return result;
    } catch (error) {
      const errno = retryableErrno(error);
      const mayRepeat = isInDoubt ? errno !== undefined : isRepeatable(error, attempts);
      if (!mayRepeat || attempts >= db.limits.attemptsMax) {
        db.observer.transactionEnded(options.name, error instanceof DomainError ? 'refused' : 'failed');
        throw asRefusal(db, error);
      }
      db.observer.transactionRetried(options.name, errno ?? 0);
      const ceilingMs = Math.min(PAUSE_MAX_MS, PAUSE_BASE_MS * 2 ** attempts);
      await pause(randomInt(1, ceilingMs + 1));
    }
  }
}

/** Runs a read outside a transaction with the same refusals as withTx. */
export async function readOnly<Result>(db: Database, run: (reader: Knex) => PromiseLike<Result>): Promise<Result> {
  try {
    return await run(db.knex);
  } catch (error) {
    throw asRefusal(db, error);
  }
}

/** A lock that was waited for twice is not waited for again: the caller's deadline is near. Nor is a silent database. */
function isRepeatable(error: unknown, attempts: number): boolean {
  if (isLockWaitTimeout(error)) return attempts < LOCK_WAITS_MAX;
  if (retryableErrno(error) !== undefined) return true;
  return isDatabaseUnavailable(error) && !isSilence(error);
}

function asRefusal(db: Database, error: unknown): unknown {
  if (error instanceof DomainError) return error;
  if (retryableErrno(error) !== undefined) return platformErrors.CONTENTION({ cause: error });
  if (isPoolExhausted(error)) {
    // No connection in time: all of them at work, or none to be had.
    return db.isBusy()
      ? platformErrors.OVERLOADED({ cause: error })
      : platformErrors.DATABASE_UNAVAILABLE({ cause: error });
  }
  if (isDatabaseUnavailable(error)) return platformErrors.DATABASE_UNAVAILABLE({ cause: error });
  return error;
}
