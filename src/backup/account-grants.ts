import type { Knex } from 'knex';
import { MAKE_SERVER_RIGHTS_VIEW, SERVER_RIGHTS_VIEW } from '../../migrations/server-rights';
import type { AccountGrants } from './documents';

/**
 * What accounts may do on a database, as statements that grant it again. A dump holds none of it, and without the accounts no
 * trigger would run after a restoration. Passwords are not read: they belong to a server, not to its data.
 */

interface AccountRow {
  readonly Host: string;
  readonly User: string;
  readonly Db: string;
}
interface DatabaseRow extends AccountRow {
  readonly [column: string]: string;
}
interface TableRow extends AccountRow {
  readonly Table_name: string;
  readonly Table_priv: string;
}
interface ColumnRow extends AccountRow {
  readonly Table_name: string;
  readonly Column_name: string;
  readonly Column_priv: string;
}
interface ServerRow {
  readonly account: string;
  readonly privilege: string;
  readonly mayGrant: string;
}
interface RoutineRow extends AccountRow {
  readonly Routine_name: string;
  readonly Routine_type: string;
  readonly Proc_priv: string;
}

/** The server's own schema: procedures of ours read who may do what there, with the rights of the account that made them. */
const SERVER_SCHEMA = 'mysql';
const GRANT_OPTION = 'GRANT';

/** Privileges whose names in GRANT are not those of the grant tables. */
const RENAMED: Readonly<Record<string, string>> = {
  'CREATE TMP TABLE': 'CREATE TEMPORARY TABLES',
  'DELETE VERSIONING ROWS': 'DELETE HISTORY',
};

/** A quoted name. */
function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A string literal. The server's names of accounts hold no backslash that would mean anything else. */
function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** An account as statements name it. */
export function accountName({ user, host }: Pick<AccountGrants, 'user' | 'host'>): string {
  return `${literal(user)}@${literal(host)}`;
}

function grantName(name: string): string {
  const upper = name.toUpperCase();
  return RENAMED[upper] ?? upper;
}

/** `Select_priv` → SELECT, of the columns that hold Y. */
function databasePrivileges(row: DatabaseRow): readonly string[] {
  return Object.entries(row)
    .filter(([column, value]) => column.endsWith('_priv') && value === 'Y')
    .map(([column]) => grantName(column.slice(0, -'_priv'.length).replaceAll('_', ' ')));
}

/** `Select,Create View` → SELECT, CREATE VIEW. */
function listedPrivileges(set: string): readonly string[] {
  return set.split(',').filter(Boolean).map(grantName);
}

function grantStatement(privileges: readonly string[], on: string, account: string): string {
  const granted = privileges.filter((privilege) => privilege !== GRANT_OPTION);
  const option = privileges.includes(GRANT_OPTION) ? ' WITH GRANT OPTION' : '';
  return `GRANT ${granted.length === 0 ? 'USAGE' : granted.join(', ')} ON ${on} TO ${account}${option}`;
}

/** UPDATE of columns `a` and `b` → UPDATE (`a`, `b`). */
function columnPrivileges(rows: readonly ColumnRow[]): readonly string[] {
  const columns = new Map<string, string[]>();
  for (const { Column_name: column, Column_priv: set } of rows) {
    for (const privilege of listedPrivileges(set)) {
      columns.set(privilege, [...(columns.get(privilege) ?? []), quoted(column)]);
    }
  }
  return [...columns].map(([privilege, names]) => `${privilege} (${names.join(', ')})`);
}

/** The account of a row. */
const keyOf = (row: AccountRow): string => `${row.User}\0${row.Host}`;

/**
 * Reads the grants of every account that has some on the database: on it, on the server's own schema, and on the whole server. Of
 * these last an account that may not read the passwords sees its own only: it alone should have any.
 */
export async function readAccountGrants(database: Knex, name: string): Promise<readonly AccountGrants[]> {
  // A name in the grant table is a pattern, in which _ stands for any character unless it is escaped.
  const spelled = [name, name.replaceAll('_', '\\_')];
  const read = async <Row>(table: string): Promise<readonly Row[]> => {
    const sql = `SELECT * FROM ${SERVER_SCHEMA}.${table} WHERE Db IN (?, ?, ?) ORDER BY User, Host, Db`;
    const [rows] = (await database.raw(sql, [...spelled, SERVER_SCHEMA])) as [readonly Row[]];
    return rows;
  };
  const [server] = (await database.raw(
    'SELECT GRANTEE AS account, PRIVILEGE_TYPE AS privilege, IS_GRANTABLE AS mayGrant ' +
      "FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE <> 'USAGE' ORDER BY GRANTEE, PRIVILEGE_TYPE",
  )) as [readonly ServerRow[]];
  const rows: Rows = {
    server,
    databases: await read<DatabaseRow>('db'),
    tables: await read<TableRow>('tables_priv'),
    columns: await read<ColumnRow>('columns_priv'),
    routines: await read<RoutineRow>('procs_priv'),
  };
  const ours = [...rows.databases, ...rows.tables, ...rows.routines].filter(({ Db }) => Db !== SERVER_SCHEMA);
  return [...new Set(ours.map(keyOf))].map((key) => {
    const [user = '', host = ''] = key.split('\0');
    return { user, host, grants: grantsOf(rows, key, accountName({ user, host }), name) };
  });
}

interface Rows {
  readonly server: readonly ServerRow[];
  readonly databases: readonly DatabaseRow[];
  readonly tables: readonly TableRow[];
  readonly columns: readonly ColumnRow[];
  readonly routines: readonly RoutineRow[];
}

/** Statements that grant an account again what it had. */
function grantsOf(rows: Rows, key: string, account: string, name: string): readonly string[] {
  const isTheirs = (row: AccountRow): boolean => keyOf(row) === key;
  const onServer = grantsEverywhere(
    rows.server.filter((row) => row.account === account),
    account,
  );
  const schemaOf = ({ Db }: AccountRow): string => quoted(Db === SERVER_SCHEMA ? Db : name);
  const onDatabases = rows.databases
    .filter(isTheirs)
    .map((row) => grantStatement(databasePrivileges(row), `${schemaOf(row)}.*`, account));
  const onTables = rows.tables.filter(isTheirs).flatMap((row) => {
    const { Db, Table_name: table, Table_priv: set } = row;
    const columns = rows.columns.filter((other) => isTheirs(other) && other.Db === Db && other.Table_name === table);
    const privileges = [...listedPrivileges(set), ...columnPrivileges(columns)];
    // A new server lacks the view, of which then nothing could be granted.
    const before = Db === SERVER_SCHEMA && table === SERVER_RIGHTS_VIEW ? [MAKE_SERVER_RIGHTS_VIEW] : [];
    return [...before, grantStatement(privileges, `${schemaOf(row)}.${quoted(table)}`, account)];
  });
  const onRoutines = rows.routines.filter(isTheirs).map((row) => {
    const place = `${row.Routine_type} ${schemaOf(row)}.${quoted(row.Routine_name)}`;
    return grantStatement(listedPrivileges(row.Proc_priv), place, account);
  });
  return [...onServer, ...onDatabases, ...onTables, ...onRoutines];
}

function grantsEverywhere(rows: readonly ServerRow[], account: string): readonly string[] {
  if (rows.length === 0) return [];
  const option = rows.every(({ mayGrant }) => mayGrant === 'YES') ? [GRANT_OPTION] : [];
  return [grantStatement([...rows.map(({ privilege }) => privilege), ...option], '*.*', account)];
}
