import { openDatabase } from '../../../../src/platform/db/database';
import { loadConfig } from '../../../../src/platform/config';
import { SCHEMA_KEY_CHECKS } from '../../../../src/audit/review/checks/schema-keys';
import { SCHEMA_PRIVILEGE_CHECKS } from '../../../../src/audit/review/checks/schema-privileges';
import { SCHEMA_ROUTINE_CHECKS } from '../../../../src/audit/review/checks/schema-routines';
import type { Evidence } from '../../../../src/audit/review/check';
import { reviewDatabase } from '../../../../src/audit/review/review';
import { readAccountGrants } from '../../../../src/backup/account-grants';
import { withSnapshot } from '../../../../src/platform/db/snapshot';
import { migrate } from '../../../../src/cli/migrate';
import { serviceEnvironment } from '../../../support/harness';
import { readInfra } from '../../../support/infra';
import { startPrivateMariadb, type PrivateMariadb } from '../../../support/private-mariadb';
import { factsWith } from '../../../support/review-files';

const CHECKS = [...SCHEMA_KEY_CHECKS, ...SCHEMA_ROUTINE_CHECKS, ...SCHEMA_PRIVILEGE_CHECKS];
const ACCOUNTS = {
  ...{ app: 'billing_app', report: 'billing_report' },
  ...{ migrate: 'billing_migrate', backup: 'billing_backup' },
};

/**
 * R13.9: what accounts may do on the whole server, and what the server is set to, on a server of this test's own with the launcher's
 * accounts: other tests' reviews would find it, too.
 */
describe('the checks of the schema, of a whole server', () => {
  let server: PrivateMariadb;
  beforeAll(async () => {
    server = await startPrivateMariadb();
    const users = { APP_DATABASE_USER: ACCOUNTS.app, REPORT_DATABASE_USER: ACCOUNTS.report };
    await migrate({ MIGRATE_DATABASE_URL: server.urlOf('migrate'), ...users });
    // Of this test, or of an installation that the launcher does not make: everything may be done as these.
    const others =
      "SELECT CONCAT(QUOTE(User), '@', QUOTE(Host)) AS name FROM mysql.user WHERE User = 'root' AND Host <> 'localhost'";
    for (const { name } of await server.query(others)) await server.query(`DROP USER ${String(name)}`);
  }, 120_000);
  afterAll(() => server.close());

  /** What is found, by check, as the account that only reads. */
  async function findings(): Promise<Readonly<Record<string, readonly Evidence[]>>> {
    const { checks } = await withSnapshot(server.urlOf('report'), {}, (snapshot) =>
      reviewDatabase(snapshot, {
        ...{
          reviewId: 'r',
          reviewer: 'me',
          now: new Date(),
          scope: 'all',
          checks: CHECKS,
          onProgress: () => undefined,
        },
        facts: factsWith({ accounts: ACCOUNTS }),
      }),
    );
    const made = checks.filter(({ id }) => !id.startsWith('unbacked-'));
    expect(made.filter(({ error }) => error !== '').map(({ id, error }) => `${id}: ${error}`)).toEqual([]);
    return Object.fromEntries(
      made.filter(({ outcome }) => outcome === 'found').map(({ id, evidence }) => [id, evidence]),
    );
  }

  async function foundAfter(tamper: readonly string[], mend: readonly string[]) {
    for (const sql of tamper) await server.query(sql);
    try {
      return await findings();
    } finally {
      for (const sql of mend) await server.query(sql);
    }
  }

  test('find nothing with the accounts that the launcher makes and those that a server is installed with', async () => {
    expect(await findings()).toEqual({});
  });

  test.each([
    ['app', 'BINLOG REPLAY ON *.*', 'BINLOG_REPLAY on the whole server'],
    ['app', 'SET USER ON *.*', 'SET_USER on the whole server'],
    ['app', 'EVENT ON *.*', 'EVENT on the whole server'],
    ['app', 'EXECUTE ON *.*', 'EXECUTE on the whole server'],
    ['app', 'RELOAD ON *.*', 'RELOAD on the whole server'],
    ['app', 'UPDATE ON mysql.*', 'UPDATE on every table of mysql'],
    ['app', 'SELECT ON mysql.global_priv', 'SELECT mysql.global_priv'],
    ['app', 'INSERT ON mysql.tables_priv', 'INSERT mysql.tables_priv'],
    ['report', 'REPLICATION SLAVE ON *.*', 'REPL_SLAVE on the whole server'],
    ['report', 'UPDATE (Table_priv) ON mysql.tables_priv', 'UPDATE mysql.tables_priv.Table_priv'],
    ['migrate', 'DELETE ON *.*', 'DELETE on the whole server'],
    ['migrate', 'GRANT OPTION ON *.*', 'GRANT on the whole server'],
    ['migrate', 'SELECT (authentication_string) ON mysql.user', 'SELECT mysql.user.authentication_string'],
    ['backup', 'BINLOG ADMIN ON *.*', 'BINLOG_ADMIN on the whole server'],
    ['backup', 'FILE ON *.*', 'FILE on the whole server'],
  ] as const)('find what an account of ours has beyond: %s, %s', async (name, privilege, right) => {
    const account = `'${ACCOUNTS[name]}'@'%'`;
    const found = await foundAfter([`GRANT ${privilege} TO ${account}`], [`REVOKE ${privilege} FROM ${account}`]);
    expect(found).toEqual({
      'privileges-too-wide': [{ account: `${ACCOUNTS[name]}@%`, right, problem: 'too wide' }],
    });
  });

  test('find a second account of a name of ours, and say which there are', async () => {
    const found = await foundAfter(
      ["CREATE USER 'billing_migrate'@'10.6.6.6'", "GRANT INSERT ON billing.* TO 'billing_migrate'@'10.6.6.6'"],
      ["DROP USER 'billing_migrate'@'10.6.6.6'"],
    );
    const accounts = (found['privileges-too-wide'] ?? []).map(({ account, right }) => `${account} ${right}`);
    expect(accounts.sort()).toEqual([
      'billing_migrate@% CONNECT from more than one host',
      'billing_migrate@10.6.6.6 CONNECT from more than one host',
    ]);
  });

  test('find who may act as somebody else: roles and proxies', async () => {
    const role = await foundAfter(
      [
        "CREATE ROLE admins WITH ADMIN 'root'@'localhost'",
        'GRANT DELETE ON billing.quota_logs TO admins',
        // Only who administers a role may grant it, and this account was dropped.
        "INSERT INTO mysql.roles_mapping (Host, User, Role, Admin_option) VALUES ('%', 'billing_app', 'admins', 'N')",
      ],
      ["DELETE FROM mysql.roles_mapping WHERE Role = 'admins' AND User = 'billing_app'", 'DROP ROLE admins'],
    );
    const rights = (role['privileges-too-wide'] ?? []).map(({ account, right }) => `${account} ${right}`);
    expect(rights.sort()).toEqual(['admins@ DELETE quota_logs', 'billing_app@% ROLE admins']);
    const proxy = await foundAfter(
      [
        "CREATE USER 'somebody'@'%'",
        // The same of proxies.
        `INSERT INTO mysql.proxies_priv (Host, User, Proxied_host, Proxied_user, With_grant, Grantor)
        VALUES ('%', 'somebody', '%', 'billing_migrate', 0, 'root@localhost')`,
      ],
      ["DROP USER 'somebody'@'%'", "DELETE FROM mysql.proxies_priv WHERE User = 'somebody'"],
    );
    expect(proxy['privileges-too-wide']).toEqual([
      { account: 'somebody@%', right: 'PROXY billing_migrate@%', problem: 'too wide' },
    ]);
  });

  test('find others who may do everything, and let those be who watch a server or copy it', async () => {
    const names = ['watcher', 'replica', 'admin'].map((name) => `'${name}'@'10.0.0.1'`);
    const found = await foundAfter(
      [
        ...names.map((name) => `CREATE USER ${name}`),
        `GRANT PROCESS, BINLOG MONITOR, SLAVE MONITOR, SHOW DATABASES ON *.* TO ${String(names[0])}`,
        `GRANT REPLICATION SLAVE ON *.* TO ${String(names[1])}`,
        `GRANT ALL PRIVILEGES ON *.* TO ${String(names[2])}`,
      ],
      names.map((name) => `DROP USER ${name}`),
    );
    const accounts = (found['privileges-too-wide'] ?? []).map(({ account, right }) => `${account} ${right}`);
    expect(accounts.filter((account) => !account.startsWith('admin@'))).toEqual([]);
    for (const right of ['SUPER', 'DELETE', 'INSERT', 'CREATE_USER']) {
      expect(accounts).toContain(`admin@10.0.0.1 ${right} on the whole server`);
    }
  });

  test('find CHECKs and unique keys that are switched off for new sessions, and what the server runs for each', async () => {
    const found = await foundAfter(
      [
        ...['SET GLOBAL check_constraint_checks = 0', 'SET GLOBAL unique_checks = 0'],
        "SET GLOBAL init_connect = 'SET @gift = 1'",
      ],
      [...['SET GLOBAL check_constraint_checks = 1', 'SET GLOBAL unique_checks = 1'], "SET GLOBAL init_connect = ''"],
    );
    const off = (variable: string) => [{ variable, problem: 'not enforced', found: 'OFF' }];
    expect(found).toEqual({
      'schema-unique-keys': off('unique_checks'),
      'schema-checks': off('check_constraint_checks'),
      'schema-stock-checks': off('check_constraint_checks'),
      'schema-routines': [{ variable: 'init_connect', problem: 'not in the reviewed schema', found: 'SET @gift = 1' }],
    });
  });

  test('the service has its CHECKs at work all the same', async () => {
    await server.query('SET GLOBAL check_constraint_checks = 0');
    const config = loadConfig(serviceEnvironment(readInfra(), server.urlOf('app'), 'http://127.0.0.1:1'));
    const silent = { transactionEnded: () => undefined, transactionRetried: () => undefined };
    const { knex } = openDatabase(config, silent);
    try {
      const broken = knex.raw(
        "INSERT INTO outbox (type, user_id, payload, create_time) VALUES ('t', NULL, 'no json', NOW(3))",
      );
      await expect(broken).rejects.toThrow('outbox_payload_json');
    } finally {
      await knex.destroy();
      await server.query('SET GLOBAL check_constraint_checks = 1');
    }
  });

  test('a restoration makes the view again by which they are seen', async () => {
    const view = 'mysql.billing_server_rights';
    const definition = async () => (await server.query(`SHOW CREATE VIEW ${view}`))[0]?.['Create View'];
    const made = await definition();
    const config = loadConfig(serviceEnvironment(readInfra(), server.urlOf('backup'), 'http://127.0.0.1:1'));
    const silent = { transactionEnded: () => undefined, transactionRetried: () => undefined };
    const { knex } = openDatabase(config, silent);
    const grants = (await readAccountGrants(knex, 'billing')).flatMap((account) => account.grants);
    await knex.destroy();
    const own = grants.filter((grant) => grant.includes('billing_server_rights'));
    expect(own).toHaveLength(2);
    await server.query(`DROP VIEW ${view}`);
    for (const grant of own) await server.query(grant);
    expect(await definition()).toBe(made);
    expect(await findings()).toEqual({});
  });
});
