import type { Knex } from 'knex';
import { hasRoutine } from './schema-facts';
import { SERVER_RIGHTS_VIEW } from './server-rights';

/**
 * What a review must see and no reading account may: every table with its columns, unique keys, triggers and CHECKs, and what
 * every account may do. They are read with the rights of the account that migrates, by procedures that change nothing. Who calls them learns names, not
 * passwords.
 */
export async function up(knex: Knex): Promise<void> {
  if (!(await hasRoutine(knex, 'review_columns'))) await knex.raw(COLUMNS);
  if (!(await hasRoutine(knex, 'review_keys'))) await knex.raw(KEYS);
  if (!(await hasRoutine(knex, 'review_triggers'))) await knex.raw(TRIGGERS);
  const onMariaDb = await isMariaDb(knex);
  if (!(await hasRoutine(knex, 'review_checks'))) await knex.raw(checksProcedure(onMariaDb));
  if (!(await hasRoutine(knex, 'review_privileges'))) await knex.raw(privilegesProcedure(onMariaDb));
}

async function isMariaDb(knex: Knex): Promise<boolean> {
  const [[row]] = (await knex.raw('SELECT VERSION() AS version')) as [{ version: string }[]];
  return row?.version.includes('MariaDB') === true;
}

const COLUMNS = `
  CREATE PROCEDURE review_columns() READS SQL DATA SQL SECURITY DEFINER
  SELECT t.TABLE_NAME AS table_name, t.ENGINE AS engine, c.COLUMN_NAME AS column_name, c.COLUMN_TYPE AS column_type,
    c.IS_NULLABLE AS is_nullable, c.COLLATION_NAME AS collation_name, c.GENERATION_EXPRESSION AS expression
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

/** Of MariaDB's server, or of MySQL's: MariaDB's CHECKs have names of their own in each table and are enforced all or none (check_constraint_checks); MySQL's are named once in a schema. */
export function checksSelect(isMariaDb: boolean): string {
  return isMariaDb
    ? `SELECT c.TABLE_NAME AS table_name, c.CONSTRAINT_NAME AS name, c.CHECK_CLAUSE AS clause, 'YES' AS enforced
      FROM information_schema.CHECK_CONSTRAINTS c`
    : `SELECT t.TABLE_NAME AS table_name, c.CONSTRAINT_NAME AS name, c.CHECK_CLAUSE AS clause, t.ENFORCED AS enforced
      FROM information_schema.CHECK_CONSTRAINTS c JOIN information_schema.TABLE_CONSTRAINTS t
        ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME`;
}

const checksProcedure = (onMariaDb: boolean): string => `
    CREATE PROCEDURE review_checks() READS SQL DATA SQL SECURITY DEFINER
    ${checksSelect(onMariaDb)} WHERE c.CONSTRAINT_SCHEMA = DATABASE() ORDER BY 1, 2`;

/** What a schema can be opened to. */
const OF_SCHEMA = [
  ...['Select', 'Insert', 'Update', 'Delete', 'Create', 'Drop', 'Grant', 'References', 'Index', 'Alter', 'Trigger'],
  ...['Create_tmp_table', 'Lock_tables', 'Create_view', 'Show_view', 'Create_routine', 'Alter_routine'],
  ...['Execute', 'Event'],
];

/** What MySQL's mysql.user has a column for beside these; its other rights are in mysql.global_grants. */
const OF_SERVER = [
  ...['Reload', 'Shutdown', 'Process', 'File', 'Show_db', 'Super', 'Repl_slave', 'Repl_client'],
  ...['Create_user', 'Create_tablespace', 'Create_role', 'Drop_role'],
];

const listOf = (names: readonly string[]): string =>
  `CONCAT_WS(',', ${names.map((name) => `CASE WHEN ${name}_priv = 'Y' THEN '${name}' END`).join(', ')})`;

interface PrivilegeSource {
  readonly level: 'access' | 'server' | 'role' | 'proxy' | 'schema' | 'table' | 'column' | 'routine';
  readonly account?: string;
  readonly host?: string;
  /** What it is a right on. */
  readonly name?: string;
  readonly column?: string;
  readonly privileges: string;
  readonly from: string;
}

/** Its rows: texts as CHAR, because the tables of the server differ in their collations. */
function selectFrom(source: PrivilegeSource): string {
  const { level, account = 'User', host = 'Host', name = "''", column = "''", privileges, from } = source;
  return `SELECT '${level}' AS level, CAST(${account} AS CHAR) AS account, CAST(${host} AS CHAR) AS host, CAST(${name} AS CHAR) AS name,
    CAST(${column} AS CHAR) AS column_name, CAST(${privileges} AS CHAR) AS privileges FROM ${from}`;
}

/** Of accounts on the whole server, and who may act as whom: each engine keeps it in tables of its own. */
export function serverRightsSelect(isMariaDb: boolean): string {
  const sources: readonly PrivilegeSource[] = isMariaDb
    ? [
        { level: 'access', privileges: 'access', from: `mysql.${SERVER_RIGHTS_VIEW}` },
        { level: 'role', name: 'Role', privileges: "'Role'", from: 'mysql.roles_mapping' },
      ]
    : [
        { level: 'server', privileges: listOf([...OF_SCHEMA, ...OF_SERVER]), from: 'mysql.user' },
        { level: 'server', privileges: 'PRIV', from: 'mysql.global_grants' },
        {
          ...{ level: 'role', account: 'TO_USER', host: 'TO_HOST', name: 'FROM_USER' },
          ...{ privileges: "'Role'", from: 'mysql.role_edges' },
        },
      ];
  return sources.map(selectFrom).join('\n  UNION ALL ');
}

/** On this schema, and on the server's own, where accounts and their rights are kept. */
const HERE = "Db IN (DATABASE(), 'mysql')";
const nameHere = (column: string): string => `CONCAT(CASE WHEN Db = DATABASE() THEN '' ELSE 'mysql.' END, ${column})`;

const ON_SCHEMAS: readonly PrivilegeSource[] = [
  {
    ...{ level: 'proxy', name: "CONCAT(Proxied_user, '@', Proxied_host)", privileges: "'Proxy'" },
    from: 'mysql.proxies_priv',
  },
  { level: 'schema', privileges: listOf(OF_SCHEMA), from: 'mysql.db WHERE DATABASE() LIKE Db' },
  { level: 'schema', name: "'mysql'", privileges: listOf(OF_SCHEMA), from: "mysql.db WHERE 'mysql' LIKE Db" },
  {
    ...{ level: 'table', name: nameHere('Table_name'), privileges: 'Table_priv' },
    from: `mysql.tables_priv WHERE ${HERE}`,
  },
  {
    ...{ level: 'column', name: nameHere('Table_name'), column: 'Column_name', privileges: 'Column_priv' },
    from: `mysql.columns_priv WHERE ${HERE}`,
  },
  {
    ...{ level: 'routine', name: nameHere('Routine_name'), privileges: 'Proc_priv' },
    from: `mysql.procs_priv WHERE ${HERE}`,
  },
];

const privilegesProcedure = (onMariaDb: boolean): string => `
  CREATE PROCEDURE review_privileges() READS SQL DATA SQL SECURITY DEFINER
  ${[serverRightsSelect(onMariaDb), ...ON_SCHEMAS.map(selectFrom)].join('\n  UNION ALL ')}`;
