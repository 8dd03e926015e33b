/** What MariaDB, MySQL and the driver mean by their error numbers. The only file that knows them. */

interface SqlError {
  readonly errno?: number;
  readonly code?: string;
  readonly fatal?: boolean;
  /** Only what the server answered has one. */
  readonly sqlState?: string;
  /** Objection wraps what the driver threw; the number is inside. */
  readonly nativeError?: SqlError;
}

function asSqlError(error: unknown): SqlError {
  if (typeof error !== 'object' || error === null) return {};
  return (error as SqlError).nativeError ?? error;
}

const ER_DUP_ENTRY = 1062;
const ER_LOCK_WAIT_TIMEOUT = 1205;
/** MariaDB's max_statement_time, MySQL's max_execution_time, a query that was killed. */
const STATEMENT_TIMED_OUT = new Set([1969, 3024, 1317]);
/** Lock wait timeout, deadlock, snapshot changed (MariaDB ≥ 11.6): the whole transaction may simply run again. */
const RETRYABLE = new Set([1205, 1213, 1020]);
/** Server gone or going, too many connections, killed, access lost, statement or query time-out. */
const UNAVAILABLE = new Set([
  1040, 1053, 1077, 1129, 1130, 1152, 1158, 1159, 1160, 1161, 1203, 1290, 1317, 1836, 1927, 1969, 3024, 4031,
]);
const CONNECTION_CODES = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ER_SERVER_SHUTDOWN',
]);

/** The error number when the transaction may run again unchanged. */
export function retryableErrno(error: unknown): number | undefined {
  const { errno } = asSqlError(error);
  return errno !== undefined && RETRYABLE.has(errno) ? errno : undefined;
}

/** Whether a unique key refused a row. */
export function isDuplicateKey(error: unknown): boolean {
  return asSqlError(error).errno === ER_DUP_ENTRY;
}

/** Whether the database could not be asked: connection refused or lost, server stopping, statement timed out. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const { errno, code, fatal } = asSqlError(error);
  if (fatal === true) return true;
  return (code !== undefined && CONNECTION_CODES.has(code)) || (errno !== undefined && UNAVAILABLE.has(errno));
}

/** Whether the server itself said no to a statement, so that it did not happen; a lost connection or a stop says nothing. */
export function isRefusedByServer(error: unknown): boolean {
  return asSqlError(error).sqlState !== undefined && !isDatabaseUnavailable(error);
}

/** Whether a row lock was waited for in vain. */
export function isLockWaitTimeout(error: unknown): boolean {
  return asSqlError(error).errno === ER_LOCK_WAIT_TIMEOUT;
}

/** Whether the database was given up on because it did not answer, or not in time: asking again would take as long. */
export function isSilence(error: unknown): boolean {
  const { code, errno } = asSqlError(error);
  return code === 'ETIMEDOUT' || (errno !== undefined && STATEMENT_TIMED_OUT.has(errno));
}

/** Whether the pool had no free connection in time. */
export function isPoolExhausted(error: unknown): boolean {
  return error instanceof Error && error.name === 'KnexTimeoutError';
}
