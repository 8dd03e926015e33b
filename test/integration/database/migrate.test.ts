import { migrate } from '../../../src/cli/migrate';
import type { MigrateConfig } from '../../../src/platform/config';
import { openTestDatabase, type Row, type TestDatabase } from '../../support/database';
import { readInfra } from '../../support/infra';

let db: TestDatabase;
let config: MigrateConfig;

beforeAll(async () => {
  const infra = readInfra();
  db = await openTestDatabase(infra, '_migrate');
  const { user, password } = infra.accounts.migrate;
  config = {
    MIGRATE_DATABASE_URL: `mysql://${user}:${encodeURIComponent(password)}@${infra.host}:${infra.port}/${db.name}`,
    APP_DATABASE_USER: infra.accounts.app.user,
    REPORT_DATABASE_USER: infra.accounts.report.user,
  };
});
afterAll(() => db.close());

/** Columns, indexes, triggers, seeded rows and privileges: what a migration makes. */
async function readSchema(): Promise<readonly Row[]> {
  const of = (sql: string): Promise<Row[]> => db.query(sql, [db.name]);
  return [
    ...(await of(
      'SELECT table_name, column_name, column_type FROM information_schema.columns WHERE table_schema = ? ORDER BY 1, 2',
    )),
    ...(await of(
      'SELECT table_name, index_name, column_name FROM information_schema.statistics WHERE table_schema = ? ORDER BY 1, 2, seq_in_index',
    )),
    ...(await of(
      'SELECT trigger_name, action_statement FROM information_schema.triggers WHERE trigger_schema = ? ORDER BY 1',
    )),
    ...(await of(
      'SELECT grantee, table_name, privilege_type FROM information_schema.table_privileges WHERE table_schema = ? ORDER BY 1, 2, 3',
    )),
    ...(await db.query('SELECT * FROM plans ORDER BY id')),
    ...(await db.query('SELECT * FROM plan_prices ORDER BY id')),
  ];
}

const historyOf = async (): Promise<unknown[]> =>
  (await db.query('SELECT name FROM knex_migrations ORDER BY id')).map((row) => row['name']);

/** Launcher rules: after a kill -9 at any moment the next run works. */
describe('migrating', () => {
  test('a second time does nothing', async () => {
    const [schema, history] = [await readSchema(), await historyOf()];
    expect(history.length).toBeGreaterThan(0);
    expect(await migrate(config)).toEqual({ applied: [] });
    expect([await readSchema(), await historyOf()]).toEqual([schema, history]);
  });

  test('from several places at once works one after another and fails nowhere', async () => {
    const [schema, history] = [await readSchema(), await historyOf()];
    await db.query('DELETE FROM knex_migrations');
    const reports = await Promise.all(Array.from({ length: 4 }, () => migrate(config)));
    expect(reports.map(({ applied }) => applied.length).sort((a, b) => a - b)).toEqual([0, 0, 0, history.length]);
    expect([await readSchema(), await historyOf()]).toEqual([schema, history]);
  });

  test('is not blocked by the lock that a killed migration left behind', async () => {
    await db.query('UPDATE knex_migrations_lock SET is_locked = 1');
    expect(await migrate(config)).toEqual({ applied: [] });
  });

  test('goes on after a kill between a migration and the note that it ran, wherever that was', async () => {
    const [schema, history] = [await readSchema(), await historyOf()];
    for (const name of [...history].reverse()) {
      await db.query('DELETE FROM knex_migrations WHERE name = ?', [name]);
      expect((await migrate(config)).applied).toContain(name);
    }
    expect(await readSchema()).toEqual(schema);
    expect((await historyOf()).sort()).toEqual([...history].sort());
  });

  test('goes on after a kill between two statements of the seed', async () => {
    const [seed] = (await historyOf()).filter((name) => String(name).includes('seed_plans'));
    const schema = await readSchema();
    await db.query('DROP TRIGGER plan_prices_no_delete');
    await db.query("DELETE FROM plan_prices WHERE plan_id = 'monthly'");
    await db.query('DELETE FROM knex_migrations WHERE name IN (?, ?)', [seed, '0003_create_plan_prices']);
    await migrate(config);
    const prices = (rows: readonly Row[]) => rows.map(({ id: _minted, ...row }) => row);
    expect(prices(await readSchema())).toEqual(prices(schema));
  });
});
