import type { Knex } from 'knex';
import { hasRoutine } from './schema-facts';

/**
 * What a review must see and no reading account may: every table with its columns, unique keys, triggers and CHECKs, and what
 * every account may do. They are read with the rights of the account that migrates, by procedures that change nothing. Who calls them learns names, not
 * passwords.
 */
export async function up(knex: Knex): Promise<void> {
  if (!(await hasRoutine(knex, 'review_columns'))) await knex.raw(COLUMNS);
  if (!(await hasRoutine(knex, 'review_keys'))) await knex.raw(KEYS);
  if (!(await hasRoutine(knex, 'review_triggers'))) await knex.raw(TRIGGERS);
  if (!(await hasRoutine(knex, 'review_checks'))) await knex.raw(await checksProcedure(knex));
  if (!(await hasRoutine(knex, 'review_privileges'))) await knex.raw(PRIVILEGES);
}

const COLUMNS = `
  CREATE PROCEDURE review_columns() READS SQL DATA SQL SECURITY DEFINER
  SELECT t.TABLE_NAME AS table_name, t.ENGINE AS engine, c.COLUMN_NAME AS column_name
  FROM information_schema.TABLES t JOIN information_schema.COLUMNS c
    ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME
  WHERE t.TABLE_SCHEMA = DATABASE() ORDER BY t.TABLE_NAME, c.ORDINAL_POSITION`;

const KEYS = `
  CREATE PROCEDURE review_keys() READS SQL DATA SQL SECURITY DEFINER
  SELECT TABLE_NAME AS table_name, INDEX_NAME AS key_name, COLUMN_NAME AS column_name
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0
  ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`;

const TRIGGERS = `
  CREATE PROCEDURE review_triggers() READS SQL DATA SQL SECURITY DEFINER
  SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS table_name, ACTION_TIMING AS timing, EVENT_MANIPULATION AS event,
    ACTION_STATEMENT AS body
  FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY TRIGGER_NAME`;

/** Of MariaDB's server, or of MySQL's: MariaDB's CHECKs have names of their own in each table and are always enforced; MySQL's are named once in a schema. */
export function checksSelect(isMariaDb: boolean): string {
  return isMariaDb
    ? `SELECT c.TABLE_NAME AS table_name, c.CONSTRAINT_NAME AS name, c.CHECK_CLAUSE AS clause, 'YES' AS enforced
      FROM information_schema.CHECK_CONSTRAINTS c`
    : `SELECT t.TABLE_NAME AS table_name, c.CONSTRAINT_NAME AS name, c.CHECK_CLAUSE AS clause, t.ENFORCED AS enforced
      FROM information_schema.CHECK_CONSTRAINTS c JOIN information_schema.TABLE_CONSTRAINTS t
        ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME`;
}

async function checksProcedure(knex: Knex): Promise<string> {
  const [[row]] = (await knex.raw('SELECT VERSION() AS version')) as [{ version: string }[]];
  return `
    CREATE PROCEDURE review_checks() READS SQL DATA SQL SECURITY DEFINER
    ${checksSelect(row?.version.includes('MariaDB') === true)} WHERE c.CONSTRAINT_SCHEMA = DATABASE() ORDER BY 1, 2`;
}

/** Of accounts on the whole server only what would let them change what is written, or hand out rights. */
const GLOBAL = [
  ...['Insert', 'Update', 'Delete', 'Create', 'Drop', 'Alter', 'Trigger', 'Create_user', 'Grant', 'Super', 'File'],
  'Select',
];

/** The same on this schema. */
const OF_SCHEMA = [
  ...['Select', 'Insert', 'Update', 'Delete', 'Create', 'Drop', 'Grant', 'References', 'Index', 'Alter', 'Trigger'],
  ...[
    'Create_tmp_table',
    'Lock_tables',
    'Create_view',
    'Show_view',
    'Create_routine',
    'Alter_routine',
    'Execute',
    'Event',
  ],
];

const listOf = (names: readonly string[]): string =>
  `CONCAT_WS(',', ${names.map((name) => `CASE WHEN ${name}_priv = 'Y' THEN '${name}' END`).join(', ')})`;

/** A row of it: texts as CHAR, because the tables of the server differ in their collations. */
const rowOf = (level: string, name: string, column: string, privileges: string): string =>
  `SELECT '${level}' AS level, CAST(User AS CHAR) AS account, CAST(Host AS CHAR) AS host, CAST(${name} AS CHAR) AS name,
    CAST(${column} AS CHAR) AS column_name, CAST(${privileges} AS CHAR) AS privileges`;

const PRIVILEGES = `
  CREATE PROCEDURE review_privileges() READS SQL DATA SQL SECURITY DEFINER
  ${rowOf('server', "''", "''", listOf(GLOBAL))} FROM mysql.user
  UNION ALL ${rowOf('schema', "''", "''", listOf(OF_SCHEMA))} FROM mysql.db WHERE DATABASE() LIKE Db
  UNION ALL ${rowOf('table', 'Table_name', "''", 'Table_priv')} FROM mysql.tables_priv WHERE Db = DATABASE()
  UNION ALL ${rowOf('column', 'Table_name', 'Column_name', 'Column_priv')} FROM mysql.columns_priv WHERE Db = DATABASE()
  UNION ALL ${rowOf('routine', 'Routine_name', "''", 'Proc_priv')} FROM mysql.procs_priv WHERE Db = DATABASE()`;
