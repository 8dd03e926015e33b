import { createConnection, type Connection } from 'mysql2/promise';
import type { MigrateConfig } from '../../src/platform/config';
import type { Infra } from './infra';

/** The database server of a run: how to reach it, and making databases on it. */

/** The accounts a test can act as; root may do everything and stands for an all-powerful insider. */
export type Account = 'root' | 'migrate' | 'app' | 'report';

/** Where a database is for an account. */
export function urlFor(infra: Infra, account: 'migrate' | 'app' | 'report', database: string): string {
  const { user, password } = infra.accounts[account];
  return `mysql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${infra.host}:${infra.port}/${database}`;
}

/** A connection as an account; the caller ends it. */
export async function connectAs(infra: Infra, account: Account, database: string | undefined): Promise<Connection> {
  const where = database === undefined ? {} : { database };
  const options = { ...where, timezone: 'Z', charset: 'utf8mb4', multipleStatements: false };
  if (account === 'root') {
    const { rootSocket: socketPath, rootUser: user, rootPassword: password } = infra;
    return createConnection({ ...options, socketPath, user, password });
  }
  const { user, password } = infra.accounts[account];
  return createConnection({ ...options, host: infra.host, port: infra.port, user, password });
}

/** Makes a database that `billing migrate` may work on, if it is not there. */
export async function createIfMissing(infra: Infra, name: string): Promise<void> {
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
