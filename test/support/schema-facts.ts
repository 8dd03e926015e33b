import { TABLE_PRIVILEGES } from '../../migrations/privileges';
import type { Row, TestDatabase } from './database';
import type { Account } from './database-server';
import { digestTables } from './table-digest';

/** A column as the database describes it. */
export interface Column {
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

/** Tables of knex, which hold the history of migrations and nothing of ours. */
export const KNEX_TABLES = ['knex_migrations', 'knex_migrations_lock'];

/** Columns that may be set once, from NULL. */
const ONCE_SET: Readonly<Record<string, readonly string[]>> = {
  plan_prices: ['valid_to'],
  orders: ['transaction_id', 'paid_time', 'apply_time'],
  wechatpay_notifications: ['apply_time'],
  quota_grants: ['revoke_time'],
  membership_periods: ['revoke_time'],
  refunds: ['refund_id', 'success_time', 'apply_time', 'decision', 'decided_by', 'decide_time'],
  settlement_cases: ['resolve_time'],
  gift_campaigns: ['approved_by', 'approve_time'],
  audit_anchors: ['export_time'],
  reviews: ['start_time', 'end_time', 'document', 'verdict'],
  key_rotations: ['end_time'],
  user_erasures: ['decided_by', 'decide_time', 'start_time', 'end_time'],
};

/** Columns that no application may change but that a person with all power may: names. */
const FOR_PEOPLE: Readonly<Record<string, readonly string[]>> = {
  plans: ['name'],
};

/** Whether a column may be set once. */
export function isOnceSet({ table, column }: Column): boolean {
  return ONCE_SET[table]?.includes(column) ?? false;
}

/** Whether a column is frozen for everybody from the moment its row is there. */
export function isFrozen({ table, column }: Column): boolean {
  const moves = [ONCE_SET, FOR_PEOPLE].some((lists) => lists[table]?.includes(column));
  return !moves && !isUpdatable({ table, column });
}

/** Whether the application may change a column. */
export function isUpdatable({ table, column }: Pick<Column, 'table' | 'column'>): boolean {
  return TABLE_PRIVILEGES[table]?.update.includes(column) ?? false;
}

/** Every column of the schema, from the database itself, so that none is forgotten. */
export async function readColumns(db: TestDatabase): Promise<readonly Column[]> {
  const rows = await db.query(
    `SELECT table_name AS name, column_name AS col, data_type AS type FROM information_schema.columns
     WHERE table_schema = ? AND extra NOT LIKE '%GENERATED%' ORDER BY table_name, ordinal_position`,
    [db.name],
  );
  const columns = rows.map((row) => ({ table: text(row, 'name'), column: text(row, 'col'), type: text(row, 'type') }));
  return columns.filter(({ table }) => !KNEX_TABLES.includes(table));
}

/** An SQL expression of another value than the column has. */
export function otherValue({ column, type }: Column): string {
  if (/int$/.test(type)) return `COALESCE(${column}, 0) + 1`;
  if (type === 'date') return `${column} + INTERVAL 1 DAY`;
  if (type === 'datetime') return `COALESCE(${column}, '2026-01-01 00:00:00.000') + INTERVAL 1 SECOND`;
  if (/binary|blob/.test(type)) return "REPEAT('x', 16)";
  return `CASE WHEN ${column} = 'x' THEN 'y' ELSE 'x' END`;
}

/** How the database refuses. MariaDB's number first, then MySQL's where they differ. */
export const REFUSALS = {
  /** A trigger signalled. */
  trigger: [1644],
  /** A CHECK constraint does not hold. */
  check: [4025, 3819],
  /** The account lacks the privilege, on the table or the column. */
  privilege: [1142, 1143],
} as const;

/** The error number that a statement gets as an account; 0 when it is not refused. */
export async function errnoOf(
  db: TestDatabase,
  sql: string,
  account: Account = 'root',
  values: readonly unknown[] = [],
): Promise<number> {
  try {
    await db.query(sql, values, account);
    return 0;
  } catch (error) {
    return (error as { errno?: number }).errno ?? -1;
  }
}

/** A checksum of every row of every table: equal before and after means that nothing changed. `without` as digestTables has it. */
export async function checksums(db: TestDatabase): Promise<Readonly<Record<string, string>>> {
  return digestTables(db, Object.keys(TABLE_PRIVILEGES));
}

function text(row: Row, name: string): string {
  return String(row[name]);
}
