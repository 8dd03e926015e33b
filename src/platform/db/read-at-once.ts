import type { Knex } from 'knex';
import type { Database } from './database';
import { onOwnConnection, repeatedly, type TxOptions } from './tx';

/** A read of several tables as they were at one moment, and how long it may take. */
export interface ReadAtOnceOptions extends TxOptions {
  readonly timeoutMs: number;
}

/**
 * For a call that reads many tables which have to agree: one REPEATABLE READ transaction on the service's own pool, for
 * reads alone, ended after `timeoutMs`, each of its statements timed like any other. Refuses as withTx does. Checks of a
 * whole database, which take as long as they take, have withSnapshot.
 */
export function readAtOnce<Result>(
  db: Database,
  { timeoutMs, ...options }: ReadAtOnceOptions,
  read: (reader: Knex) => Promise<Result>,
): Promise<Result> {
  const patient: Database = { ...db, limits: { ...db.limits, transactionTimeoutMs: timeoutMs } };
  return repeatedly(patient, options, () =>
    onOwnConnection(patient, options, (connection) =>
      db.knex.transaction((reader) => read(reader), {
        connection,
        isolationLevel: 'repeatable read',
      }),
    ),
  );
}
