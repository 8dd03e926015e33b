import type { Connection, RowDataPacket } from 'mysql2/promise';
import { migrate } from '../../src/cli/migrate';
import { HOT_PROMOTION_ID } from '../load/settings';
import { databaseUrl, type BenchInfra } from './infra';
import { seed, seedNewcomers, type Population } from './seed';

/** rate-limiter-flexible's own table, as its documentation makes it. */
const LIMITER_TABLE = `CREATE TABLE IF NOT EXISTS limiter_points (
  \`key\` VARCHAR(255) CHARACTER SET utf8 NOT NULL,
  points INT(9) NOT NULL DEFAULT 0,
  expire BIGINT UNSIGNED,
  PRIMARY KEY (\`key\`)) ENGINE = InnoDB`;

/** What claims write, beside the users. */
const CLAIM_TABLES = ['promotions', 'user_coupons', 'request_keys', 'audit_logs', 'outbox'];
/** What orders write that nobody pays. */
const ORDER_TABLES = ['orders', 'request_keys', 'audit_logs', 'outbox'];

/** A promotion that never runs out and that everybody may claim from, as it is born: a draft. */
const HOT_PROMOTION = {
  id: HOT_PROMOTION_ID,
  name: 'Benchmark',
  status: 'draft',
  discount_type: 'fixed_amount',
  discount_value: 100,
  max_discount: 0,
  min_order_amount: 0,
  plan_ids: '[]',
  new_users_only: 0,
  may_be_free: 0,
  returned_on_refund: 0,
  total_quota: 1_000_000_000,
  claimed_count: 0,
  budget: 0,
  budget_used: 0,
  coupon_valid_days: 30,
  created_by: 'bench',
  editors: '["bench"]',
  revision: 1,
  create_time: '2026-01-01 00:00:00.000',
};

/** Makes an empty, migrated database. */
export async function createDatabase(infra: BenchInfra, root: Connection, name: string): Promise<void> {
  const routines = 'CREATE ROUTINE, ALTER ROUTINE, EXECUTE';
  const privileges = `SELECT, INSERT, UPDATE, CREATE, ALTER, INDEX, REFERENCES, TRIGGER, CREATE VIEW, ${routines}`;
  await root.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  await root.query(`GRANT ${privileges} ON ${name}.* TO ?@'%' WITH GRANT OPTION`, [infra.accounts.migrate.user]);
  for (const table of ['request_refusals', 'outbox', 'event_deliveries']) {
    const cleaned = `CREATE, DELETE ON ${name}.${table}`;
    await root.query(`GRANT ${cleaned} TO ?@'%' WITH GRANT OPTION`, [infra.accounts.migrate.user]);
  }
  await migrate({
    MIGRATE_DATABASE_URL: databaseUrl(infra, 'migrate', name),
    APP_DATABASE_USER: infra.accounts.app.user,
    REPORT_DATABASE_USER: infra.accounts.report.user,
  });
}

/** Makes the database of rate-limiter-flexible. */
export async function createLimiterDatabase(infra: BenchInfra, root: Connection, name: string): Promise<void> {
  await root.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  await root.query(`USE ${name}`);
  await root.query(LIMITER_TABLE);
  await root.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${name}.* TO ?@'%'`, [infra.accounts.app.user]);
}

/** Tables that runs write to. */
async function tablesOf(root: Connection, name: string): Promise<readonly string[]> {
  const [rows] = await root.query<RowDataPacket[]>(
    `SELECT DISTINCT table_name AS name FROM information_schema.columns
     WHERE table_schema = ? AND (column_name = 'user_id' OR table_name IN ('users', 'limiter_points'))`,
    [name],
  );
  return rows.map((row) => String(row['name']));
}

/** A database with the users of every run, from which others are copied. */
export async function createSeed(
  infra: BenchInfra,
  root: Connection,
  name: string,
  population: Population,
  now: Date,
): Promise<void> {
  await createDatabase(infra, root, name);
  await seed(root, name, population, now);
}

/**
 * Puts the tables of a database into the state of the seed: every run starts from the same. Only root can, and only by
 * TRUNCATE: the triggers refuse DELETE to everybody. Lots stay, because each would look for its GRANT row again.
 */
export async function restore(root: Connection, name: string, seedName: string): Promise<void> {
  const tables = await tablesOf(root, name);
  for (const table of tables.filter((other) => other !== 'quota_grants')) {
    await root.query(`TRUNCATE TABLE ${name}.${table}`);
  }
  for (const table of ['quota_logs', 'users']) {
    await root.query(`INSERT INTO ${name}.${table} SELECT * FROM ${seedName}.${table}`);
  }
  await root.query(`UPDATE ${name}.quota_grants SET remaining = amount WHERE remaining <> amount`);
}

/** Makes a database with the users of a seed. */
export async function createCopy(infra: BenchInfra, root: Connection, name: string, seedName: string): Promise<void> {
  await createDatabase(infra, root, name);
  await restore(root, name, seedName);
  await root.query(`INSERT INTO ${name}.quota_grants SELECT * FROM ${seedName}.quota_grants`);
}

/** Empties the tables of a database. */
export async function empty(root: Connection, name: string): Promise<void> {
  for (const table of await tablesOf(root, name)) await root.query(`TRUNCATE TABLE ${name}.${table}`);
}

/** Makes a database with users who never did anything and nothing else. */
export async function createNewcomers(
  infra: BenchInfra,
  root: Connection,
  name: string,
  lastUser: number,
  now: Date,
): Promise<void> {
  await createDatabase(infra, root, name);
  await seedNewcomers(root, name, lastUser, now);
}

/** Takes all claims back: by TRUNCATE of the promotion too, because `claimed_count` only grows. */
export async function restoreClaims(root: Connection, name: string): Promise<void> {
  for (const table of CLAIM_TABLES) await root.query(`TRUNCATE TABLE ${name}.${table}`);
  await root.query(`INSERT INTO ${name}.promotions SET ?`, [HOT_PROMOTION]);
  await root.query(`UPDATE ${name}.promotions SET status = 'active'`);
}

/** Takes all orders back. */
export async function restoreOrders(root: Connection, name: string): Promise<void> {
  for (const table of ORDER_TABLES) await root.query(`TRUNCATE TABLE ${name}.${table}`);
}
