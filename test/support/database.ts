import { relative } from 'node:path';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { migrate } from '../../src/cli/migrate';
import type { MigrateConfig } from '../../src/platform/config';
import { readInfra, type Infra } from './infra';

/** One row of a query, as tests look at it. */
export type Row = Record<string, unknown>;

/** The accounts a test can act as; root may do everything and stands for an all-powerful insider. */
export type Account = 'root' | 'migrate' | 'app' | 'report';

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

function urlFor(infra: Infra, account: 'migrate' | 'app' | 'report', database: string): string {
  const { user, password } = infra.accounts[account];
  return `mysql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${infra.host}:${infra.port}/${database}`;
}

async function connectAs(infra: Infra, account: Account, database: string | undefined): Promise<Connection> {
  const where = database === undefined ? {} : { database };
  const options = { ...where, timezone: 'Z', charset: 'utf8mb4', multipleStatements: false };
  if (account === 'root') {
    const { rootSocket: socketPath, rootUser: user, rootPassword: password } = infra;
    return createConnection({ ...options, socketPath, user, password });
  }
  const { user, password } = infra.accounts[account];
  return createConnection({ ...options, host: infra.host, port: infra.port, user, password });
}

async function createIfMissing(infra: Infra, name: string): Promise<void> {
  const root = await connectAs(infra, 'root', undefined);
  try {
    await root.query(`CREATE DATABASE IF NOT EXISTS ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
    const privileges = 'SELECT, INSERT, UPDATE, CREATE, ALTER, INDEX, REFERENCES, TRIGGER, CREATE VIEW';
    await root.query(`GRANT ${privileges} ON ${name}.* TO ?@'%' WITH GRANT OPTION`, [infra.accounts.migrate.user]);
    for (const table of ['request_refusals', 'outbox', 'event_deliveries']) {
      const cleaned = `CREATE, DELETE ON ${name}.${table}`;
      await root.query(`GRANT ${cleaned} TO ?@'%' WITH GRANT OPTION`, [infra.accounts.migrate.user]);
    }
  } finally {
    await root.end();
  }
}

/** What `billing migrate` needs to know to migrate a database. */
export function migrateConfigOf(infra: Infra, name: string): MigrateConfig {
  return {
    MIGRATE_DATABASE_URL: urlFor(infra, 'migrate', name),
    APP_DATABASE_USER: infra.accounts.app.user,
    REPORT_DATABASE_USER: infra.accounts.report.user,
  };
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
  await migrate(migrateConfigOf(infra, db.name));
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
