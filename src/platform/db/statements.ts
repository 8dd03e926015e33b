import assert from 'node:assert';
import { insertRows, type SqlValue } from './sql-text';
import { connectionOf, type Tx, type TxConnection } from './tx';

/**
 * Statements that do not wait for each other's results go together: in one round trip where the connection takes several
 * statements at once, one after another where it does not. They run in order and stop at the first that fails. Values come
 * back as the driver reads them: BIGINT as a number (see `safeInteger`), DATETIME as a Date, BINARY as a Buffer.
 */

/** One row, its columns in the order of the statement. */
export type ValueRow = readonly unknown[];

/** A read. */
export interface Read {
  readonly sql: string;
}

/** A write, and how many rows it must change; undefined where any number is right. */
export interface Write extends Read {
  readonly rows?: number;
  /** An INSERT of values writes all of its rows or fails: nobody needs to count them. */
  readonly isInsert?: true;
  /** For the fault when it changes another number. */
  readonly what: string;
}

/** Runs reads inside an open transaction and returns the rows of each. */
export type ReadTogether = (reads: readonly Read[]) => Promise<readonly (readonly ValueRow[])[]>;

/** Reads in a transaction of withTx. */
export function readerOf(tx: Tx): ReadTogether {
  return (reads) => runReads(connectionOf(tx), reads);
}

/** Runs writes in a transaction of withTx. Affected rows are always checked: another number than meant is a fault of ours. */
export async function writeTogether(tx: Tx, writes: readonly Write[]): Promise<void> {
  checkAffected(writes, await runTogether(connectionOf(tx), writes));
}

/** One insert of rows, their columns named in the order of each row's values. */
export function insertOf(table: string, columns: readonly string[], rows: readonly (readonly SqlValue[])[]): Write {
  return { sql: insertRows(table, columns, rows), rows: rows.length, isInsert: true, what: table };
}

/** A BIGINT as the driver read it; refuses what a number can not hold, which the driver would have rounded. */
export function safeInteger(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`a BIGINT holds ${String(value)}: not a safe integer`);
  return value as number;
}

/** Runs reads on a connection. */
export async function runReads(
  connection: TxConnection,
  reads: readonly Read[],
): Promise<readonly (readonly ValueRow[])[]> {
  return (await runTogether(connection, reads)) as (readonly ValueRow[])[];
}

/** Throws when a write changed another number of rows than it meant to. */
export function checkAffected(writes: readonly Write[], results: readonly unknown[]): void {
  for (const [i, { rows, what }] of writes.entries()) {
    const { affectedRows } = results[i] as { affectedRows: number };
    if (rows === undefined) continue;
    assert.strictEqual(affectedRows, rows, `${what}: ${affectedRows} row(s) changed, ${rows} expected`);
  }
}

/** Runs statements on a connection and returns what the driver says to each. */
export async function runTogether(connection: TxConnection, statements: readonly Read[]): Promise<readonly unknown[]> {
  if (connection.config.multipleStatements === true && statements.length > 1) {
    return (await run(connection, statements.map(({ sql }) => sql).join(';\n'))) as unknown[];
  }
  const results: unknown[] = [];
  for (const { sql } of statements) results.push(await run(connection, sql));
  return results;
}

function run(connection: TxConnection, sql: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // No values: the driver need not look for placeholders in a text of a hundred rows.
    connection.query({ sql, values: null, rowsAsArray: true, typeCast: true }, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}
