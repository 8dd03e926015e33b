import { READING_PROCEDURES, TABLE_PRIVILEGES } from '../../../../migrations/privileges';
import type { Check, CheckContext, Finding, ReviewedAccounts } from '../check';
import { callProcedure } from './ask-guards';

/**
 * What the accounts of the database may do, compared with the reviewed list (migrations/privileges.ts), both ways: whoever
 * may do more can change what is history, whoever may do less can not serve. Of accounts that are not ours, everything that
 * would let them at the ledger.
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
  readonly level: 'server' | 'schema' | 'table' | 'column' | 'routine';
  readonly account: string;
  readonly host: string;
  readonly name: string;
  readonly column_name: string;
  /** Names joined by commas. */
  readonly privileges: string | null;
}

/** One right of one account: `SELECT orders`, `UPDATE orders.status`, `EXECUTE review_triggers()`, `DROP *`. */
interface Right {
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
  const found = rightsOf(await callProcedure<PrivilegeRow>(db, 'review_privileges'));
  const expected = expectedRights(facts.accounts);
  if (problem === 'too wide') {
    return found
      .filter(({ account, host, right }) => !isAllowed(facts.accounts, expected, account, host, right))
      .map(({ account, host, right }) => ({ evidence: { account: `${account}@${host}`, right, problem } }));
  }
  const owned = new Set(found.map(({ account, right }) => `${account} ${right}`));
  return [...expected].flatMap(([account, rights]) =>
    [...rights]
      .filter((right) => !owned.has(`${account} ${right}`))
      .map((right) => ({ evidence: { account, right, problem } })),
  );
}

function rightsOf(rows: readonly PrivilegeRow[]): readonly Right[] {
  return rows.flatMap(({ level, account, host, name, column_name: column, privileges }) =>
    (privileges ?? '')
      .split(',')
      .filter((privilege) => privilege !== '')
      .map((privilege) => ({ account, host, right: `${privilege.toUpperCase()} ${placeOf(level, name, column)}` })),
  );
}

function placeOf(level: PrivilegeRow['level'], name: string, column: string): string {
  if (level === 'server') return 'on the whole server';
  if (level === 'schema') return 'on every table';
  if (level === 'routine') return `${name}()`;
  return level === 'column' ? `${name}.${column}` : name;
}

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
/** What a backup is granted. */
const BACKUP_RIGHTS = /^(SELECT|SHOW_VIEW|TRIGGER) on every table$/;

function isAllowed(
  { app, report, migrate, backup }: ReviewedAccounts,
  expected: ReadonlyMap<string, ReadonlySet<string>>,
  account: string,
  host: string,
  right: string,
): boolean {
  if (SERVER_ACCOUNTS.has(`${account}@${host}`)) return true;
  if (account === migrate) return isOwners(right);
  if (account === backup) return BACKUP_RIGHTS.test(right);
  if (account !== app && account !== report) return false;
  return expected.get(account)?.has(right) === true;
}

function isOwners(right: string): boolean {
  if (OWNER_RIGHTS.has(right)) return true;
  const [, table] = /^DELETE (\w+)$/.exec(right) ?? [];
  if (table !== undefined) return TABLE_PRIVILEGES[table]?.delete === true;
  return OWNER_SINGLE.test(right);
}
