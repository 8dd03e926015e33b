import assert from 'node:assert';
import type { Database } from './database';
import { isRefusedByServer } from './sql-errors';
import { checkAffected, runReads, runTogether, type Read, type ReadTogether, type Write } from './statements';
import { endConnection, onOwnConnection, repeatedly, type TxConnection, type TxOptions } from './tx';

/**
 * A transaction for batches: as few round trips as there can be, which is what a batch of one is made of. BEGIN goes with
 * the first reads, and all writes go with COMMIT, so nothing is sent twice and nothing is left open between them.
 */

/** What a batch does: reads as often as it must, decides, and says what to write. */
export interface BatchTx {
  readonly read: ReadTogether;
}

/** What a batch came to. */
export interface BatchEffect<Result> {
  readonly result: Result;
  /** Committed together; none: the transaction is rolled back. */
  readonly writes: readonly Write[];
  /** Called when COMMIT was sent and its answer was lost: nobody knows whether the writes happened. */
  readonly onDoubt?: () => void;
}

const COMMIT: Read = { sql: 'COMMIT' };
/** What the server says to a BIGINT that overflows. */
const ER_DATA_OUT_OF_RANGE = 1690;

/**
 * Runs a batch in one transaction on a pool that takes several statements at once, with the limits and retries of withTx.
 * `run` recognises what an attempt of its own has committed: a COMMIT whose answer was lost is followed by another attempt,
 * which finds out. Throws as withTx.
 */
export function withBatchTx<Result>(
  db: Database,
  options: TxOptions,
  run: (tx: BatchTx) => Promise<BatchEffect<Result>>,
): Promise<Result> {
  return repeatedly(db, options, (onCommitting) =>
    onOwnConnection(db, options, async (connection) => {
      assert(connection.config.multipleStatements === true, 'a batch needs a connection of several statements');
      const open = { hasBegun: false };
      try {
        const effect = await run({ read: readerOn(connection, open) });
        const { result, writes } = effect;
        if (writes.length === 0) await rollBack(connection, open);
        else {
          onCommitting('next attempt finds out');
          await commit(connection, open, effect);
        }
        return result;
      } catch (error) {
        await rollBack(connection, open).catch(() => endConnection(connection, 'it could not be rolled back'));
        throw error;
      }
    }),
  );
}

interface Progress {
  hasBegun: boolean;
}

const BEGIN: Read = { sql: 'START TRANSACTION' };

function readerOn(connection: TxConnection, open: Progress): ReadTogether {
  return async (reads) => {
    if (open.hasBegun || reads.length === 0) return runReads(connection, reads);
    open.hasBegun = true;
    return (await runReads(connection, [BEGIN, ...reads])).slice(1);
  };
}

async function rollBack(connection: TxConnection, open: Progress): Promise<void> {
  if (!open.hasBegun) return;
  open.hasBegun = false;
  await runTogether(connection, [{ sql: 'ROLLBACK' }]);
}

/**
 * Sends the writes, a check of what they changed, and COMMIT, in one round trip. The check runs in the database, before
 * COMMIT: a write that changed another number of rows than meant fails it, and then nothing is committed.
 */
async function commit(connection: TxConnection, open: Progress, effect: BatchEffect<unknown>): Promise<void> {
  const { writes, onDoubt } = effect;
  const begin = open.hasBegun ? [] : [BEGIN];
  open.hasBegun = true;
  const checked = writes.filter(({ rows, isInsert }) => rows !== undefined && isInsert !== true);
  try {
    await runTogether(connection, [
      ...begin,
      ...writes.flatMap((write) => counted(write, checked)),
      ...checkOf(checked),
      COMMIT,
    ]);
    open.hasBegun = false;
  } catch (error) {
    if (!isRefusedByServer(error)) onDoubt?.();
    if ((error as { errno?: number }).errno === ER_DATA_OUT_OF_RANGE) await nameCulprit(connection, checked);
    throw error;
  }
}

/** A write, and the noting of how many rows it changed where that is to be checked. */
function counted(write: Write, checked: readonly Write[]): readonly Read[] {
  const i = checked.indexOf(write);
  return i === -1 ? [write] : [write, { sql: `SET @changed_${i} = ROW_COUNT()` }];
}

/**
 * Fails unless every write changed the rows it meant to, and thereby stops the statements after it: a BIGINT overflows.
 * Not a constant one, which a server might compute beforehand.
 */
function checkOf(checked: readonly Write[]): readonly Read[] {
  if (checked.length === 0) return [];
  const isRight = checked.map(({ rows }, i) => `@changed_${i} = ${rows}`).join(' AND ');
  return [{ sql: `SET @checked = IF(${isRight}, 0, @changed_0 * 0 + 9223372036854775807 + 1)` }];
}

/** Says which write changed another number of rows than it meant to. */
async function nameCulprit(connection: TxConnection, checked: readonly Write[]): Promise<void> {
  const names = checked.map((_, i) => `@changed_${i}`).join(', ');
  const [[row = []] = []] = await runReads(connection, [{ sql: `SELECT ${names}` }]);
  checkAffected(
    checked,
    row.map((affectedRows) => ({ affectedRows: Number(affectedRows) })),
  );
}
