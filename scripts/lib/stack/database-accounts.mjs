/**
 * The database accounts of design: one owns the schema, one serves, one reports, one takes backups. Nobody but root may DROP or
 * TRUNCATE, nor DELETE but what is no history; the serving and reporting accounts hold nothing until `billing migrate` grants them table by table.
 */
const SCHEMA_OWNER_PRIVILEGES = [
  'SELECT',
  'INSERT',
  'UPDATE',
  'CREATE',
  'ALTER',
  'INDEX',
  'REFERENCES',
  'TRIGGER',
  'CREATE VIEW',
  'SHOW VIEW',
  // Procedures by which a review sees what no reading account may: triggers, and what each account may do.
  'CREATE ROUTINE',
  'ALTER ROUTINE',
  'EXECUTE',
].join(', ');

/** Shows who may do what on the whole server, and no passwords, as mysql.user does for some of it (migrations/server-rights.ts). */
const SERVER_RIGHTS_VIEW = 'billing_server_rights';
const MAKE_SERVER_RIGHTS_VIEW =
  `CREATE OR REPLACE DEFINER = 'mariadb.sys'@'localhost' SQL SECURITY DEFINER VIEW mysql.${SERVER_RIGHTS_VIEW} AS ` +
  "SELECT User, Host, JSON_VALUE(Priv, '$.access') AS access FROM mysql.global_priv";

/** What those procedures read of the server's own tables: who may do what, no passwords. */
const SEEN_BY_REVIEWS = [
  ...['db', 'tables_priv', 'columns_priv', 'procs_priv', 'proxies_priv', 'roles_mapping'],
  SERVER_RIGHTS_VIEW,
].map((table) => `SELECT ON mysql.${table}`);

/**
 * What a review reads of them with its own account, and asks no procedure of ours: the text of the procedures that it then calls, and
 * whether there are events.
 */
const REVIEWED_BY_ITSELF = ['proc', 'event'].map((table) => `SELECT ON mysql.${table}`);

/** Old rows of these are deleted: refusals, events that were delivered, and deliveries that ended. */
const CLEANED_TABLES = ['request_refusals', 'outbox', 'event_deliveries'];

export const DATABASE = 'billing';
export const MIGRATE_USER = 'billing_migrate';
export const APP_USER = 'billing_app';
export const REPORT_USER = 'billing_report';
export const BACKUP_USER = 'billing_backup';

/**
 * What `billing backup` needs: to read everything there is to dump, its triggers and procedures, and who may do what; to follow
 * the binary log. It writes nothing.
 */
const BACKUP_GRANTS = [
  `SELECT, SHOW VIEW, TRIGGER ON \`${DATABASE}\`.*`,
  'REPLICATION SLAVE, BINLOG MONITOR ON *.*',
  ...['db', 'tables_priv', 'columns_priv', 'procs_priv', 'proc'].map((table) => `SELECT ON mysql.${table}`),
];

/** Statements run before the server takes its first connection, at every start: they set the passwords we know. */
export function accountStatements(secrets) {
  const user = (name, host, password) => [
    `CREATE USER IF NOT EXISTS '${name}'@'${host}'`,
    `ALTER USER '${name}'@'${host}' IDENTIFIED BY '${password}'`,
  ];
  return [
    `CREATE DATABASE IF NOT EXISTS \`${DATABASE}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
    // Accounts belong to this server: they stay out of the binary log, which is shipped and replayed elsewhere.
    'SET sql_log_bin = 0',
    MAKE_SERVER_RIGHTS_VIEW,
    ...user('root', 'localhost', secrets.databaseRoot),
    ...user(MIGRATE_USER, '%', secrets.databaseMigrate),
    ...user(APP_USER, '%', secrets.databaseApp),
    ...user(REPORT_USER, '%', secrets.databaseReport),
    ...user(BACKUP_USER, '%', secrets.databaseBackup),
    `GRANT ${SCHEMA_OWNER_PRIVILEGES} ON \`${DATABASE}\`.* TO '${MIGRATE_USER}'@'%' WITH GRANT OPTION`,
    ...SEEN_BY_REVIEWS.map((privilege) => `GRANT ${privilege} TO '${MIGRATE_USER}'@'%'`),
    ...[APP_USER, REPORT_USER].flatMap((account) =>
      REVIEWED_BY_ITSELF.map((privilege) => `GRANT ${privilege} TO '${account}'@'%'`),
    ),
    ...BACKUP_GRANTS.map((privilege) => `GRANT ${privilege} TO '${BACKUP_USER}'@'%'`),
    // What is no history and is cleaned up. CREATE, so that it may be named before it is there.
    ...CLEANED_TABLES.map(
      (table) => `GRANT CREATE, DELETE ON \`${DATABASE}\`.${table} TO '${MIGRATE_USER}'@'%' WITH GRANT OPTION`,
    ),
  ];
}

/** The URL of an account on the stack's database server. */
export function databaseUrl(stack, user, password) {
  return `mysql://${user}:${password}@127.0.0.1:${stack.state.ports.mariadb}/${DATABASE}`;
}
