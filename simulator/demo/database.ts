import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';

/** One row, by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** What came of a statement that must be refused. */
export interface Attempt {
  readonly isRefused: boolean;
  /** The database's error, or that it was accepted. */
  readonly answer: string;
}

/** The database, for the proof alone: reading in a read-only session, and trying what must be refused. */
export interface ProofDatabase {
  read(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Tries a statement and undoes it, whatever came of it. */
  tryForbidden(sql: string, values: readonly unknown[]): Promise<Attempt>;
  close(): Promise<void>;
}

/** Table privilege, column privilege, a trigger's SIGNAL, a CHECK (MariaDB, MySQL): anything else is no refusal. */
const REFUSALS: readonly unknown[] = [1142, 1143, 1644, 4025, 3819];

async function attempt(connection: Connection, sql: string, values: readonly unknown[]): Promise<Attempt> {
  await connection.beginTransaction();
  try {
    await connection.query(sql, [...values]);
    return { isRefused: false, answer: 'ACCEPTED' };
  } catch (error) {
    const { errno, message } = error as { errno?: number; message: string };
    return { isRefused: REFUSALS.includes(errno), answer: `${errno ?? 'error'} ${message}` };
  } finally {
    await connection.rollback();
  }
}

/** Connects with the account that the service itself uses. */
export async function openProofDatabase(databaseUrl: string): Promise<ProofDatabase> {
  const options = { uri: databaseUrl, timezone: 'Z', decimalNumbers: true };
  const reader = await createConnection(options);
  await reader.query('SET SESSION TRANSACTION READ ONLY');
  const writer = await createConnection(options);
  return {
    read: async (sql, values = []) => (await reader.query<RowDataPacket[]>(sql, [...values]))[0],
    tryForbidden: (sql, values) => attempt(writer, sql, values),
    close: async () => {
      await reader.end();
      await writer.end();
    },
  };
}
