import { knex, type Knex } from 'knex';
import { migrateToLatest } from '../../migrations';
import { applyPrivileges } from '../../migrations/privileges';
import type { MigrateConfig } from '../platform/config';
import { addressOf, SQL_MODE } from '../platform/db/database';

/** knex's name for the table of its own lock. */
const LOCK_TABLE = 'knex_migrations_lock';

/** Longest wait for another process that is migrating the same database. */
const LOCK_WAIT_SECONDS = 60;
/** Longer than any migration takes. */
const MIGRATION_MAX_MS = 86_400_000;

/**
 * Triggers remember the mode they were made under: the same as every connection of the service has. MariaDB adds no CHECK that a
 * row breaks, unless it was told not to look; MySQL always looks, and takes that part for a comment.
 */
const SESSION = `SET SESSION time_zone = '+00:00', sql_mode = '${SQL_MODE}' /*M!100200 , check_constraint_checks = 1 */`;

function connect(databaseUrl: string): Knex {
  return knex({
    client: 'mysql2',
    connection: { ...addressOf(databaseUrl), charset: 'utf8mb4' },
    pool: {
      min: 0,
      max: 1,
      // The lock is the connection's: it must not be tidied away while a long migration runs.
      idleTimeoutMillis: MIGRATION_MAX_MS,
      afterCreate: (
        connection: { query(sql: string, done: (error: Error | null) => void): void },
        done: (error: Error | null, connection: unknown) => void,
      ) => connection.query(SESSION, (error) => done(error, connection)),
    },
  });
}

/** The lock under which a database is migrated; who needs its schema to stay as it is takes it, too. */
export function migrationLockOf(databaseUrl: string): string {
  return `migrate:${addressOf(databaseUrl).database}`;
}

/** What a migration did. */
export interface MigrationReport {
  /** Names of the migrations that ran, in order; empty when there was nothing to do. */
  readonly applied: readonly string[];
}

/**
 * Brings the schema up to date and grants the accounts their reviewed privileges. Safe to run at any time and from
 * several places at once: a lock that dies with its connection lets one work at a time, so nothing stays locked after a
 * kill -9, and every migration can run again after it was cut off.
 */
export async function migrate(config: MigrateConfig): Promise<MigrationReport> {
  const databaseUrl = config.MIGRATE_DATABASE_URL;
  const locker = connect(databaseUrl);
  const worker = connect(databaseUrl);
  try {
    const lockName = migrationLockOf(databaseUrl);
    const [rows] = (await locker.raw('SELECT GET_LOCK(?, ?) AS got', [lockName, LOCK_WAIT_SECONDS])) as [
      { got: number | null }[],
    ];
    if (rows[0]?.got !== 1) throw new Error(`another process has been migrating for ${LOCK_WAIT_SECONDS} s`);
    // knex's own lock outlives its process; ours is what counts. knex would DELETE to free it, which no account may.
    if (await worker.schema.hasTable(LOCK_TABLE)) await worker(LOCK_TABLE).update({ is_locked: 0 });
    const applied = await migrateToLatest(worker);
    await applyPrivileges(worker, { app: config.APP_DATABASE_USER, report: config.REPORT_DATABASE_USER });
    return { applied };
  } finally {
    await worker.destroy();
    await locker.destroy();
  }
}
