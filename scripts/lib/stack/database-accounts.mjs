/**
 * The database accounts of design: one owns the schema, one serves, one reports. Nobody but root may DROP or
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
].join(', ');

/** Old rows of these are deleted: refusals, events that were delivered, and deliveries that ended. */
const CLEANED_TABLES = ['request_refusals', 'outbox', 'event_deliveries'];

export const DATABASE = 'billing';
export const MIGRATE_USER = 'billing_migrate';
export const APP_USER = 'billing_app';
export const REPORT_USER = 'billing_report';

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
    ...user('root', 'localhost', secrets.databaseRoot),
    ...user(MIGRATE_USER, '%', secrets.databaseMigrate),
    ...user(APP_USER, '%', secrets.databaseApp),
    ...user(REPORT_USER, '%', secrets.databaseReport),
    `GRANT ${SCHEMA_OWNER_PRIVILEGES} ON \`${DATABASE}\`.* TO '${MIGRATE_USER}'@'%' WITH GRANT OPTION`,
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
