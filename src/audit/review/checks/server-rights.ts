/** Rights on a whole server, as MariaDB keeps them: a number with one bit for each. */

/** By bit, from the lowest, as mysql.user and mysql.db name them, or GRANT does where they do not. */
const BITS = [
  ...['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'RELOAD', 'SHUTDOWN', 'PROCESS', 'FILE', 'GRANT'],
  ...['REFERENCES', 'INDEX', 'ALTER', 'SHOW_DB', 'SUPER', 'CREATE_TMP_TABLE', 'LOCK_TABLES', 'EXECUTE', 'REPL_SLAVE'],
  ...['REPL_CLIENT', 'CREATE_VIEW', 'SHOW_VIEW', 'CREATE_ROUTINE', 'ALTER_ROUTINE', 'CREATE_USER', 'EVENT', 'TRIGGER'],
  ...['CREATE_TABLESPACE', 'DELETE_HISTORY', 'SET_USER', 'FEDERATED_ADMIN', 'CONNECTION_ADMIN', 'READ_ONLY_ADMIN'],
  ...['REPLICATION_SLAVE_ADMIN', 'REPLICATION_MASTER_ADMIN', 'BINLOG_ADMIN', 'BINLOG_REPLAY', 'SLAVE_MONITOR'],
  'SHOW_CREATE_ROUTINE',
];

/** The names in a number. A right that this build does not know is named by its bit: nobody reviewed it. */
export function serverRights(access: string): readonly string[] {
  let bits = BigInt(access);
  const names: string[] = [];
  for (let bit = 0; bits > 0n; bit += 1, bits >>= 1n) {
    if ((bits & 1n) === 1n) names.push(BITS[bit] ?? `RIGHT_${bit}`);
  }
  return names;
}

/**
 * What may be had on the whole server by accounts that are not ours, of monitoring, of replicas, of other backups: it lets nobody
 * change a row, or hand out rights.
 */
export const HARMLESS_RIGHTS: ReadonlySet<string> = new Set([
  ...['RELOAD', 'SHUTDOWN', 'PROCESS', 'SHOW_DB', 'LOCK_TABLES', 'CREATE_TMP_TABLE', 'CREATE_TABLESPACE', 'SHOW_VIEW'],
  ...['REPL_SLAVE', 'REPL_CLIENT', 'SLAVE_MONITOR', 'SHOW_CREATE_ROUTINE', 'CONNECTION_ADMIN', 'READ_ONLY_ADMIN'],
  // MySQL's, which keeps them by name.
  ...['BACKUP_ADMIN', 'FLUSH_TABLES', 'FLUSH_STATUS', 'FLUSH_USER_RESOURCES', 'SHOW_ROUTINE', 'XA_RECOVER_ADMIN'],
]);
