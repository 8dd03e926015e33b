import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { migrate } from '../../src/cli/migrate';
import type { MigrateConfig } from '../../src/platform/config';
import type { Infra } from './infra';

/** One row of a query, as tests look at it. */
export type Row = Record<string, unknown>;

/** The accounts a test can act as; root may do everything and stands for an all-powerful insider. */
export type Account = 'root' | 'migrate' | 'app' | 'report';

/** A database of one jest worker, made on first use in a run and kept: every test uses new users. */
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
    const routines = 'CREATE ROUTINE, ALTER ROUTINE, EXECUTE';
    const privileges = `SELECT, INSERT, UPDATE, CREATE, ALTER, INDEX, REFERENCES, TRIGGER, CREATE VIEW, ${routines}`;
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

/** Opens the worker's database. */
export async function openTestDatabase(infra: Infra, suffix = ''): Promise<TestDatabase> {
  const db = await openEmptyDatabase(infra, suffix);
  await migrate(migrateConfigOf(infra, db.name));
  return db;
}

/** Opens a database of the worker and leaves it as it is: empty on first use in a run. */
export async function openEmptyDatabase(infra: Infra, suffix: string): Promise<TestDatabase> {
  const name = `billing_test_${process.env['JEST_WORKER_ID'] ?? '1'}${suffix}`;
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
