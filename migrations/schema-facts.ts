import type { Knex } from 'knex';

/**
 * What is there already: a migration that was cut off between two statements runs again, and not every statement can say
 * IF EXISTS on both engines.
 */

async function isThere(knex: Knex, sql: string, table: string, name: string): Promise<boolean> {
  const [rows] = (await knex.raw(sql, [table, name])) as [readonly unknown[]];
  return rows.length > 0;
}

/** Whether a table of this database has an index of that name. */
export function hasIndex(knex: Knex, table: string, name: string): Promise<boolean> {
  const sql =
    'SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND INDEX_NAME = ? LIMIT 1';
  return isThere(knex, sql, table, name);
}

/** Whether a table of this database has a CHECK of that name. */
export function hasCheck(knex: Knex, table: string, name: string): Promise<boolean> {
  const sql =
    'SELECT 1 FROM information_schema.TABLE_CONSTRAINTS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND CONSTRAINT_NAME = ?';
  return isThere(knex, sql, table, name);
}

/** Whether a table of this database has a column of that name. */
export function hasColumn(knex: Knex, table: string, name: string): Promise<boolean> {
  const sql =
    'SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND COLUMN_NAME = ?';
  return isThere(knex, sql, table, name);
}

/** Whether this database has a procedure or function of that name. */
export async function hasRoutine(knex: Knex, name: string): Promise<boolean> {
  const sql = 'SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME = ?';
  const [rows] = (await knex.raw(sql, [name])) as [readonly unknown[]];
  return rows.length > 0;
}
