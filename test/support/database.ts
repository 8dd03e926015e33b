import { relative } from 'node:path';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { connectAs, createIfMissing, urlFor, type Account } from './database-server';
import { readInfra, type Infra } from './infra';
import { makeMigrated } from './migrated';

/** One row of a query, as tests look at it. */
export type Row = Record<string, unknown>;

/** A database of one test file, made on first use and left behind: what a file sees never depends on which ran before it. */
export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /** Runs SQL as root (or another account) and returns the rows. */
  query(sql: string, values?: readonly unknown[], account?: Account): Promise<Row[]>;
  /** A connection of its own, for tests that hold locks. The caller ends it. */
  connect(account: Account): Promise<Connection>;
  close(): Promise<void>;
}

/** The name of a database of the test file that runs. MySQL allows 64 characters. */
function databaseName(suffix: string): string {
  const file = relative(`${process.cwd()}/test`, expect.getState().testPath ?? 'none');
  return `test_${file.replace(/\.test\.ts$/, '').replace(/\W/g, '_')}${suffix}`;
}

/** Where the file's database is for the service's account. */
export function testDatabaseUrl(): string {
  return urlFor(readInfra(), 'app', databaseName(''));
}

/** Opens the file's database; with a suffix another of its databases. */
export async function openTestDatabase(infra: Infra, suffix = ''): Promise<TestDatabase> {
  const db = await openEmptyDatabase(infra, suffix);
  await makeMigrated(infra, db.name);
  return db;
}

/** Opens a database of the file and leaves it as it is: empty on first use. */
export async function openEmptyDatabase(infra: Infra, suffix = ''): Promise<TestDatabase> {
  const name = databaseName(suffix);
  await createIfMissing(infra, name);
  const open = new Map<Account, Connection>();
  const connectionOf = async (account: Account): Promise<Connection> => {
    const known = open.get(account);
    if (known !== undefined) return known;
    const connection = await connectAs(infra, account, name);
    open.set(account, connection);
    return connection;
  };
  return {
    name,
    url: urlFor(infra, 'app', name),
    query: async (sql, values = [], account = 'root') => {
      const [rows] = await (await connectionOf(account)).query<RowDataPacket[]>(sql, [...values]);
      return Array.isArray(rows) ? rows : [];
    },
    connect: (account) => connectAs(infra, account, name),
    close: async () => {
      for (const connection of open.values()) await connection.end();
    },
  };
}
