import { READING_PROCEDURES, TABLE_PRIVILEGES } from '../../../../migrations/privileges';
import { SERVER_RIGHTS_VIEW } from '../../../../migrations/server-rights';
import type { Check, CheckContext, Finding, ReviewedAccounts } from '../check';
import { callProcedure, isMariaDatabase } from './ask-guards';
import { HARMLESS_RIGHTS, serverRights } from './server-rights';

/**
 * What the accounts of the database may do, compared with the reviewed list (migrations/privileges.ts), both ways: whoever
 * may do more can change what is history, whoever may do less can not serve. Of accounts that are not ours, everything that
 * would let them at the ledger: rights on it, on the tables where the server keeps rights, on the whole server, and to act as
 * somebody who has them. An account of ours has one host: a second of its name, with another password, is nobody's.
 */
export const SCHEMA_PRIVILEGE_CHECKS: readonly Check[] = [
  {
    id: 'privileges-too-wide',
    about: 'deployment',
    section: 'permissions',
    item: 'database-privileges',
    severity: 'severe',
    title: { zh: '数据库账户权限超出评审范围', en: 'A database account may do more than was reviewed' },
    fix: {
      zh: '收回多余的权限（REVOKE），并用锚点核对该账户可改动的表（billing audit verify --anchor）。',
      en: 'Take it back (REVOKE), and compare what the account could have changed with an anchor (billing audit verify --anchor).',
    },
    run: (context) => compare(context, 'too wide'),
  },
  {
    id: 'privileges-missing',
    about: 'deployment',
    section: 'permissions',
    item: 'database-privileges',
    severity: 'medium',
    title: { zh: '数据库账户缺少应有的权限', en: 'A database account lacks what it needs' },
    fix: {
      zh: '运行 billing migrate，重新授予评审过的权限。',
      en: 'Run billing migrate: it grants what was reviewed.',
    },
    run: (context) => compare(context, 'missing'),
  },
];

interface PrivilegeRow {
  /** `access` is `server` as MariaDB keeps it. */
  readonly level: 'access' | 'server' | 'role' | 'proxy' | 'schema' | 'table' | 'column' | 'routine';
  readonly account: string;
  readonly host: string;
  /** `mysql`, or `mysql.` before a name, where it is a right on the server's own schema. */
  readonly name: string;
  readonly column_name: string;
  /** Names joined by commas; of `access`, a number. */
  readonly privileges: string | null;
}

/** One right of one account: `SELECT orders`, `UPDATE orders.status`, `EXECUTE review_triggers()`, `DROP on every table`, `ROLE admins`. */
interface Right {
  readonly level: PrivilegeRow['level'];
  readonly account: string;
  readonly host: string;
  readonly right: string;
}

/** Accounts of the server itself, which no one connects as, and the one that may do everything from the server's own host. */
const SERVER_ACCOUNTS: ReadonlySet<string> = new Set([
  ...['root@localhost', 'mysql@localhost', 'mariadb.sys@localhost'],
  ...['mysql.sys@localhost', 'mysql.session@localhost', 'mysql.infoschema@localhost'],
]);

async function compare({ db, facts }: CheckContext, problem: 'too wide' | 'missing'): Promise<readonly Finding[]> {
  const rows = await callProcedure<PrivilegeRow>(db, 'review_privileges');
  const found = rightsOf(rows);
  const expected = expectedRights(facts.accounts);
  if (problem === 'too wide') {
    const reviewed = { accounts: facts.accounts, expected, onMariaDb: await isMariaDatabase(db) };
    return [...found.filter((right) => !isAllowed(reviewed, right)), ...secondHosts(rows, facts.accounts)].map(
      ({ account, host, right }) => ({ evidence: { account: `${account}@${host}`, right, problem } }),
    );
  }
  const owned = new Set(found.map(({ account, right }) => `${account} ${right}`));
  return [...expected].flatMap(([account, rights]) =>
    [...rights]
      .filter((right) => !owned.has(`${account} ${right}`))
      .map((right) => ({ evidence: { account, right, problem } })),
  );
}

function rightsOf(rows: readonly PrivilegeRow[]): readonly Right[] {
  const known = new Set(accountsIn(rows).map(({ account, host }) => `${account}@${host}`));
  return rows.flatMap(({ level, account, host, name, column_name: column, privileges }) => {
    // What a server was installed with names hosts that it has no accounts of any more.
    if (level === 'proxy' && !known.has(`${account}@${host}`)) return [];
    const names = level === 'access' ? serverRights(privileges ?? '0') : (privileges ?? '').split(',');
    return names
      .filter((privilege) => privilege !== '')
      .map((privilege) => ({
        ...{ level, account, host },
        right: `${privilege.toUpperCase()} ${placeOf(level, name, column)}`,
      }));
  });
}

/** Every account that the server has, whatever it may do. */
function accountsIn(rows: readonly PrivilegeRow[]): readonly PrivilegeRow[] {
  return rows.filter(({ level }) => level === 'access' || level === 'server');
}

function namesOf({ app, report, migrate, backup }: ReviewedAccounts): readonly string[] {
  return [app, report, migrate, backup];
}

/** Names of ours that more than one account has: each of them, since nobody can tell which is the one that was reviewed. */
function secondHosts(rows: readonly PrivilegeRow[], accounts: ReviewedAccounts): readonly Omit<Right, 'level'>[] {
  return namesOf(accounts).flatMap((account) => {
    const there = accountsIn(rows).filter((row) => row.account === account);
    const hosts = [...new Set(there.map(({ host }) => host))];
    return hosts.length < 2 ? [] : hosts.map((host) => ({ account, host, right: 'CONNECT from more than one host' }));
  });
}

function placeOf(level: PrivilegeRow['level'], name: string, column: string): string {
  if (level === 'access' || level === 'server') return ON_SERVER;
  if (level === 'schema') return name === '' ? 'on every table' : `on every table of ${name}`;
  if (level === 'routine') return `${name}()`;
  return level === 'column' ? `${name}.${column}` : name;
}

const ON_SERVER = 'on the whole server';

/** What the serving and the reporting account have, to the letter. */
function expectedRights(accounts: ReviewedAccounts): ReadonlyMap<string, ReadonlySet<string>> {
  const app = new Set<string>();
  const report = new Set<string>();
  for (const [table, { insert, update, delete: mayDelete, report: mayRead, reportColumns }] of Object.entries(
    TABLE_PRIVILEGES,
  )) {
    app.add(`SELECT ${table}`);
    if (insert) app.add(`INSERT ${table}`);
    for (const column of update) app.add(`UPDATE ${table}.${column}`);
    if (mayDelete === true) app.add(`DELETE ${table}`);
    if (mayRead) report.add(`SELECT ${table}`);
    for (const column of mayRead ? [] : (reportColumns ?? [])) report.add(`SELECT ${table}.${column}`);
  }
  for (const procedure of READING_PROCEDURES) {
    app.add(`EXECUTE ${procedure}()`);
    report.add(`EXECUTE ${procedure}()`);
  }
  return new Map([
    [accounts.app, app],
    [accounts.report, report],
  ]);
}

/** What the account that migrates has on the schema. It has no DELETE and no DROP there. */
const OWNER_RIGHTS = new Set(
  [
    ...['SELECT', 'INSERT', 'UPDATE', 'CREATE', 'ALTER', 'INDEX', 'REFERENCES', 'TRIGGER', 'CREATE_VIEW', 'SHOW_VIEW'],
    ...['CREATE_ROUTINE', 'ALTER_ROUTINE', 'EXECUTE', 'GRANT'],
  ].map((privilege) => `${privilege} on every table`),
);
/** On single tables: what it cleans, before they are there too. On its own procedures: what making them gives. Nothing wider. */
const OWNER_SINGLE = /^(?:(?:CREATE|GRANT) \w+|(?:GRANT|ALTER ROUTINE|EXECUTE) \w+\(\))$/;
/** What a backup is granted, with what MySQL wants of it. */
const BACKUP_RIGHTS = /^(?:SELECT|SHOW_VIEW|TRIGGER) on every table$/;
const BACKUP_SERVER_RIGHTS: ReadonlySet<string> = new Set([
  ...['REPL_SLAVE', 'REPL_CLIENT', 'SHOW_ROUTINE', 'FLUSH_TABLES'].map((right) => `${right} ${ON_SERVER}`),
]);
/** What reviews and backups read of the server's own tables: who may do what, and the text of procedures; no passwords. */
const OWNER_SEES = new RegExp(
  `^SELECT mysql\\.(?:db|tables_priv|columns_priv|procs_priv|proxies_priv|roles_mapping|role_edges|global_grants|${SERVER_RIGHTS_VIEW}|user\\.(?:Host|User|\\w+_priv))$`,
);
const REVIEWER_SEES = /^SELECT mysql\.(?:proc|event)$/;
/** On MySQL, which has no such tables, this shows as much. */
const REVIEWER_SEES_ON_MYSQL = /^(?:SHOW_ROUTINE|EVENT) on the whole server$/;
const BACKUP_SEES = /^SELECT mysql\.(?:db|tables_priv|columns_priv|procs_priv|proc)$/;
/** What others read there lets them at nothing here. */
const OTHERS_SEE = /^(?:SELECT|SHOW.VIEW|EXECUTE) (?:on every table of mysql$|mysql\.)/;

interface Reviewed {
  readonly accounts: ReviewedAccounts;
  readonly expected: ReadonlyMap<string, ReadonlySet<string>>;
  readonly onMariaDb: boolean;
}

function isAllowed({ accounts, expected, onMariaDb }: Reviewed, found: Right): boolean {
  const { app, report, migrate, backup } = accounts;
  const { account, host, right } = found;
  if (SERVER_ACCOUNTS.has(`${account}@${host}`)) return true;
  if (account === migrate) return isOwners(right) || OWNER_SEES.test(right);
  if (account === backup) {
    return BACKUP_RIGHTS.test(right) || BACKUP_SERVER_RIGHTS.has(right) || BACKUP_SEES.test(right);
  }
  if (account !== app && account !== report) return isOthers(accounts, found);
  if (REVIEWER_SEES.test(right) || (!onMariaDb && REVIEWER_SEES_ON_MYSQL.test(right))) return true;
  return expected.get(account)?.has(right) === true;
}

/** Rights of accounts that are not ours: none on the ledger, none to make some, and none to act as who has some. */
function isOthers(accounts: ReviewedAccounts, { level, right }: Right): boolean {
  if (level === 'access' || level === 'server') return HARMLESS_RIGHTS.has(right.replace(` ${ON_SERVER}`, ''));
  if (level === 'role' || level === 'proxy') {
    const [name = ''] = right.replace(/^(?:ROLE|PROXY) /, '').split('@');
    // Nobody's name is everybody's.
    const isOurs = name === '' || namesOf(accounts).includes(name);
    return !isOurs && ![...SERVER_ACCOUNTS].some((server) => server.startsWith(`${name}@`));
  }
  return OTHERS_SEE.test(right);
}

function isOwners(right: string): boolean {
  if (OWNER_RIGHTS.has(right)) return true;
  const [, table] = /^DELETE (\w+)$/.exec(right) ?? [];
  if (table !== undefined) return TABLE_PRIVILEGES[table]?.delete === true;
  return OWNER_SINGLE.test(right);
}
