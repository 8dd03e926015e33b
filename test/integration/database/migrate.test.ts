import { MIGRATIONS, migrateToLatest } from '../../../migrations';
import { migrate } from '../../../src/cli/migrate';
import type { MigrateConfig } from '../../../src/platform/config';
import { openEmptyDatabase, openTestDatabase, type Row, type TestDatabase } from '../../support/database';
import { migrateConfigOf } from '../../support/database-server';
import { readInfra, type Infra } from '../../support/infra';
import { connectMigrator } from '../../support/migrator';

let db: TestDatabase;
let config: MigrateConfig;

let infra: Infra;

beforeAll(async () => {
  infra = readInfra();
  db = await openTestDatabase(infra);
  config = migrateConfigOf(infra, db.name);
});
afterAll(() => db.close());

/** Columns, indexes, triggers, seeded rows and privileges: what a migration makes. */
async function readSchema(owned = db): Promise<readonly Row[]> {
  const of = (sql: string): Promise<Row[]> => owned.query(sql, [owned.name]);
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
    ...(await owned.query('SELECT * FROM plans ORDER BY id')),
    ...(await owned.query('SELECT * FROM plan_prices ORDER BY plan_id, id')),
  ];
}

/** What is minted when a migration runs differs from run to run. */
const withoutIds = (rows: readonly Row[]): Row[] => rows.map(({ id: _minted, ...row }) => row);

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
    const killed = await openEmptyDatabase(infra, '_killed');
    const owner = await connectMigrator(infra, killed.name);
    for (const [i, { name }] of MIGRATIONS.entries()) {
      expect(await migrateToLatest(owner, MIGRATIONS.slice(0, i + 1))).toEqual([name]);
      await killed.query('DELETE FROM knex_migrations WHERE name = ?', [name]);
      expect(await migrateToLatest(owner, MIGRATIONS.slice(0, i + 1))).toEqual([name]);
    }
    await owner.destroy();
    await migrate(migrateConfigOf(infra, killed.name));
    expect(withoutIds(await readSchema(killed))).toEqual(withoutIds(await readSchema()));
    await killed.close();
  });

  test('goes on after a kill between two statements of the seed', async () => {
    const [seed] = (await historyOf()).filter((name) => String(name).includes('seed_plans'));
    const schema = await readSchema();
    await db.query('DROP TRIGGER plan_prices_no_delete');
    await db.query("DELETE FROM plan_prices WHERE plan_id = 'monthly'");
    await db.query('DELETE FROM knex_migrations WHERE name IN (?, ?)', [seed, '0003_create_plan_prices']);
    await migrate(config);
    expect(withoutIds(await readSchema())).toEqual(withoutIds(schema));
  });
});
