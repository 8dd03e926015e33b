import { SCHEMA_KEY_CHECKS } from '../../../../src/audit/review/checks/schema-keys';
import { SCHEMA_PRIVILEGE_CHECKS } from '../../../../src/audit/review/checks/schema-privileges';
import { SCHEMA_ROUTINE_CHECKS } from '../../../../src/audit/review/checks/schema-routines';
import { SCHEMA_TRIGGER_CHECKS } from '../../../../src/audit/review/checks/schema-triggers';
import type { Evidence } from '../../../../src/audit/review/check';
import type { CheckResult } from '../../../../src/audit/review/review-document';
import { reviewDatabase } from '../../../../src/audit/review/review';
import { withSnapshot } from '../../../../src/platform/db/snapshot';
import { migrate } from '../../../../src/cli/migrate';
import { openTestDatabase, type TestDatabase } from '../../../support/database';
import { migrateConfigOf } from '../../../support/database-server';
import { readInfra, type Infra } from '../../../support/infra';
import { factsWith } from '../../../support/review-files';

const CHECKS = [...SCHEMA_KEY_CHECKS, ...SCHEMA_ROUTINE_CHECKS, ...SCHEMA_TRIGGER_CHECKS, ...SCHEMA_PRIVILEGE_CHECKS];

let infra: Infra;
let db: TestDatabase;
let reportUrl: string;
beforeAll(async () => {
  infra = readInfra();
  db = await openTestDatabase(infra);
  const { user, password } = infra.accounts.report;
  reportUrl = `mysql://${user}:${encodeURIComponent(password)}@${infra.host}:${infra.port}/${db.name}`;
});
afterAll(() => db.close());

async function reviewed(url: string): Promise<readonly CheckResult[]> {
  const { app, report, migrate } = infra.accounts;
  const accounts = { app: app.user, report: report.user, migrate: migrate.user, backup: 'billing_backup' };
  const { checks } = await withSnapshot(url, {}, (snapshot) =>
    reviewDatabase(snapshot, {
      ...{ reviewId: 'r', reviewer: 'me', now: new Date(), scope: 'all', checks: CHECKS, onProgress: () => undefined },
      facts: factsWith({ accounts }),
    }),
  );
  return checks.filter(({ id }) => !id.startsWith('unbacked-'));
}

/** What the checks of the schema find, by check; as the account that only reads, unless another URL is given. */
async function findings(url = reportUrl): Promise<Readonly<Record<string, readonly Evidence[]>>> {
  const made = await reviewed(url);
  expect(made.filter(({ error }) => error !== '').map(({ id, error }) => `${id}: ${error}`)).toEqual([]);
  return Object.fromEntries(
    made.filter(({ outcome }) => outcome === 'found').map(({ id, evidence }) => [id, evidence]),
  );
}

/** Tampers as root, reviews, and mends it again. */
async function foundAfter(tamper: readonly string[], mend: readonly string[]) {
  for (const sql of tamper) await db.query(sql);
  try {
    return await findings();
  } finally {
    for (const sql of mend) await db.query(sql);
  }
}

/** R10, R13.9, lesson 23: unique keys, CHECKs, triggers and privileges are really there; seen by an account that may read and nothing else. */
describe('the checks of the schema', () => {
  test('find nothing in a database that was migrated, with whatever account they look', async () => {
    expect(await findings()).toEqual({});
    expect(await findings(db.url)).toEqual({});
  });

  test('find a unique key that is gone, and one that has other columns', async () => {
    const [row] = await db.query('SHOW CREATE TABLE user_coupons');
    const create = String(row?.['Create Table']);
    const [, name = '', columns = ''] = /UNIQUE KEY `(\w+)` \((.+?)\)/.exec(create) ?? [];
    expect(name).not.toBe('');
    const gone = [`ALTER TABLE user_coupons DROP KEY \`${name}\``];
    const mend = [`ALTER TABLE user_coupons ADD UNIQUE KEY \`${name}\` (${columns})`];
    const missing = await foundAfter(gone, mend);
    expect(missing).toEqual({
      'schema-unique-keys': [expect.objectContaining({ table: 'user_coupons', key: name, problem: 'missing' })],
    });
    const other = [...gone, `ALTER TABLE user_coupons ADD UNIQUE KEY \`${name}\` (${columns}, id)`];
    const changed = await foundAfter(other, [...gone, ...mend]);
    expect(changed['schema-unique-keys']).toEqual([expect.objectContaining({ key: name, problem: 'changed' })]);
  });

  test.each([
    ['schema-stock-checks', 'promotions', 'promotions_stock'],
    ['schema-checks', 'users', 'users_quota_remaining_not_negative'],
  ])('find a CHECK that is gone, and one that was weakened: %s', async (check, table, name) => {
    const [row] = await db.query(
      'SELECT CHECK_CLAUSE AS clause FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ? AND CONSTRAINT_NAME = ?',
      [db.name, name],
    );
    const drop = `ALTER TABLE ${table} DROP CONSTRAINT ${name}`;
    const restore = `ALTER TABLE ${table} ADD CONSTRAINT ${name} CHECK (${String(row?.['clause'])})`;
    const gone = await foundAfter([drop], [restore]);
    expect(gone).toEqual({ [check]: [expect.objectContaining({ table, check: name, problem: 'missing' })] });
    const weak = [drop, `ALTER TABLE ${table} ADD CONSTRAINT ${name} CHECK (1 = 1)`];
    const weakened = await foundAfter(weak, [drop, restore]);
    expect(weakened).toEqual({
      [check]: [expect.objectContaining({ check: name, problem: 'changed', found: '1 = 1' })],
    });
  });

  test('find a trigger that is gone, one that does nothing, and one that nobody reviewed', async () => {
    const [row] = await db.query('SHOW CREATE TRIGGER quota_logs_no_update');
    const restore = String(row?.['SQL Original Statement']);
    const drop = 'DROP TRIGGER quota_logs_no_update';
    const gone = await foundAfter([drop], [restore]);
    expect(gone).toEqual({
      'schema-triggers': [{ trigger: 'quota_logs_no_update', table: 'quota_logs', problem: 'missing' }],
    });
    const idle =
      'CREATE TRIGGER quota_logs_no_update BEFORE UPDATE ON quota_logs FOR EACH ROW SET NEW.amount = NEW.amount';
    const changed = await foundAfter([drop, idle], [drop, restore]);
    expect(changed['schema-triggers']).toEqual([expect.objectContaining({ problem: 'changed' })]);
    const more = 'CREATE TRIGGER skim BEFORE INSERT ON payments FOR EACH ROW SET NEW.amount = NEW.amount - 1';
    const added = await foundAfter([more], ['DROP TRIGGER skim']);
    expect(added['schema-triggers']).toEqual([
      expect.objectContaining({ trigger: 'skim', table: 'payments', problem: 'not in the reviewed schema' }),
    ]);
  });

  test('find a table without row locks, and tables and columns that nobody reviewed', async () => {
    const engine = await foundAfter(
      ['ALTER TABLE event_sinks ENGINE = Aria'],
      ['ALTER TABLE event_sinks ENGINE = InnoDB'],
    );
    expect(engine).toEqual({ 'schema-row-locks': [{ table: 'event_sinks', engine: 'Aria', expected: 'InnoDB' }] });
    const more = await foundAfter(
      ['CREATE TABLE aside (id INT)', 'ALTER TABLE orders ADD COLUMN hidden INT NULL'],
      ['DROP TABLE aside', 'ALTER TABLE orders DROP COLUMN hidden'],
    );
    expect(more).toEqual({
      'schema-tables': [
        { table: 'aside', column: null, problem: 'not in the reviewed schema' },
        { table: 'orders', column: 'hidden', problem: 'not in the reviewed schema' },
      ],
    });
  });

  test('find a column that holds something else, and one that is not computed any more', async () => {
    const of = (column: string, problem: string, expected: string, found: string) => ({
      ...{ table: 'payments', column, problem, expected, found },
    });
    const [row] = await db.query('SHOW CREATE TABLE payments');
    const [, computed = ''] = /^ +(`applied_order_id` .*),$/m.exec(String(row?.['Create Table'])) ?? [];
    const plain = 'applied_order_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL';
    const key = 'ADD UNIQUE KEY uk_payments_applied_order (applied_order_id)';
    const changed = await foundAfter(
      [
        `ALTER TABLE payments MODIFY ${plain}`,
        'ALTER TABLE payments MODIFY bank_type VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL',
      ],
      [
        'ALTER TABLE payments DROP KEY uk_payments_applied_order, DROP COLUMN applied_order_id',
        `ALTER TABLE payments ADD COLUMN ${computed} AFTER create_time`,
        `ALTER TABLE payments ${key}`,
        'ALTER TABLE payments MODIFY bank_type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL',
      ],
    );
    expect(changed).toEqual({
      'schema-tables': [
        of(
          ...(['applied_order_id', 'changed'] as const),
          "varchar(32) ascii_bin as (case when `status` = 'applied' then `order_id` end)",
          'varchar(32) ascii_bin',
        ),
        of('bank_type', 'changed', 'varchar(32) ascii_bin', 'varchar(64) utf8mb4_bin not null'),
      ],
    });
    expect(await findings()).toEqual({});
  });

  test('find the CHECK of a column that is gone, and a CHECK and a unique key that nobody reviewed', async () => {
    const gone = await foundAfter(
      ['ALTER TABLE payments MODIFY provider_discounts TEXT NULL'],
      [
        'ALTER TABLE payments MODIFY provider_discounts TEXT NULL CHECK (provider_discounts IS NULL OR JSON_VALID(provider_discounts))',
      ],
    );
    expect(gone).toEqual({
      'schema-checks': [
        expect.objectContaining({ table: 'payments', check: 'provider_discounts', problem: 'missing' }),
      ],
    });
    const more = await foundAfter(
      ['ALTER TABLE alerts ADD CONSTRAINT quiet CHECK (occurrences < 9), ADD UNIQUE KEY once (subject_id)'],
      ['ALTER TABLE alerts DROP CONSTRAINT quiet, DROP KEY once'],
    );
    const problem = 'not in the reviewed schema';
    expect(more).toEqual({
      'schema-unique-keys': [{ table: 'alerts', key: 'once', columns: null, problem, found: 'subject_id' }],
      'schema-checks': [{ table: 'alerts', check: 'quiet', problem, condition: null, found: '`occurrences` < 9' }],
    });
  });

  test.each([
    ['DELETE on history', 'app', 'DELETE ON quota_logs', 'DELETE quota_logs'],
    ['an UPDATE of a frozen column', 'app', 'UPDATE (amount) ON payments', 'UPDATE payments.amount'],
    ['a whole table to change', 'app', 'UPDATE ON orders', 'UPDATE orders'],
    ['TRIGGER', 'app', 'TRIGGER ON users', 'TRIGGER users'],
    ['a write for the account that reports', 'report', 'INSERT ON payments', 'INSERT payments'],
    ['sealed bodies for the account that reports', 'report', 'SELECT ON order_payers', 'SELECT order_payers'],
    ['a privilege on the whole schema', 'app', 'ALTER ON *', 'ALTER on every table'],
    ['DROP for the account that migrates', 'migrate', 'DROP ON *', 'DROP on every table'],
    ['DELETE for it on the whole schema', 'migrate', 'DELETE ON *', 'DELETE on every table'],
    ['DELETE for it on history', 'migrate', 'DELETE ON quota_logs', 'DELETE quota_logs'],
  ] as const)('find %s', async (_what, account, privilege, right) => {
    const { user } = infra.accounts[account];
    const onDatabase = privilege.replace(/ ON ([^.]+)$/, ` ON ${db.name}.$1`);
    const found = await foundAfter(
      [`GRANT ${onDatabase} TO '${user}'@'%'`],
      [`REVOKE ${onDatabase} FROM '${user}'@'%'`],
    );
    // Taking it from a whole table takes it from the columns, too.
    await migrate(migrateConfigOf(infra, db.name));
    expect(found['privileges-too-wide']).toEqual([{ account: `${user}@%`, right, problem: 'too wide' }]);
  });

  test('find accounts that nobody reviewed, and a right for everybody', async () => {
    const found = await foundAfter(
      [
        ...["CREATE USER 'somebody'@'%'", `GRANT UPDATE ON ${db.name}.users TO 'somebody'@'%'`],
        `GRANT DELETE ON ${db.name}.quota_logs TO PUBLIC`,
      ],
      ["DROP USER 'somebody'@'%'", `REVOKE DELETE ON ${db.name}.quota_logs FROM PUBLIC`],
    );
    const accounts = (found['privileges-too-wide'] ?? []).map(({ account, right }) => `${account} ${right}`);
    expect(accounts.sort()).toEqual(['PUBLIC@ DELETE quota_logs', 'somebody@% UPDATE users']);
  });

  test('let the account of backups have what it is granted, and find everything beyond', async () => {
    // The account is the server's; its rights on this database are this test's.
    const on = `ON ${db.name}.* TO 'billing_backup'@'%'`;
    const revoke = [`REVOKE ALL PRIVILEGES ON ${db.name}.* FROM 'billing_backup'@'%'`];
    expect(await foundAfter([`GRANT SELECT, SHOW VIEW, TRIGGER ${on}`], revoke)).toEqual({});
    const found = await foundAfter([`GRANT SELECT, LOCK TABLES, EVENT, UPDATE ${on}`], revoke);
    const rights = (found['privileges-too-wide'] ?? []).map(({ right }) => right);
    expect(rights.sort()).toEqual(['EVENT', 'LOCK_TABLES', 'UPDATE'].map((right) => `${right} on every table`));
  });

  test('do not believe procedures that they can not read', async () => {
    await db.query("CREATE USER 'blind'@'%' IDENTIFIED BY 'blind'");
    try {
      await db.query(`GRANT SELECT, EXECUTE ON ${db.name}.* TO 'blind'@'%'`);
      const made = await reviewed(`mysql://blind:blind@${infra.host}:${infra.port}/${db.name}`);
      expect(made.find(({ id }) => id === 'schema-routines')).toMatchObject({
        ...{ outcome: 'broken', severity: 'severe', error: expect.stringContaining('proc') as string },
      });
    } finally {
      await db.query("DROP USER 'blind'@'%'");
    }
  });

  test('find what an account lacks', async () => {
    const { user } = infra.accounts.app;
    const found = await foundAfter(
      [`REVOKE UPDATE (status) ON ${db.name}.payments FROM '${user}'@'%'`],
      [`GRANT UPDATE (status) ON ${db.name}.payments TO '${user}'@'%'`],
    );
    expect(found).toEqual({
      'privileges-missing': [{ account: user, right: 'UPDATE payments.status', problem: 'missing' }],
    });
  });
});
