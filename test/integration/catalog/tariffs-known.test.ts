import { createTariffs } from '../../../src/catalog';
import type { Database } from '../../../src/platform/db/database';
import { isReason } from '../../../src/platform/errors';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { newId, until } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { openServiceDatabase } from '../../support/service-database';

let tests: TestDatabase;
let db: Database;
let looks = 0;

beforeAll(async () => {
  tests = await openTestDatabase(readInfra());
  db = openServiceDatabase(readInfra(), tests);
  db.knex.on('query', () => void (looks += 1));
});
afterAll(async () => {
  await db.knex.destroy();
  await tests.close();
});

const NOW = new Date('2026-06-01T00:00:00.000Z');
const at = (ms: number): Date => new Date(NOW.getTime() + ms);

/** Announces a tariff as if it had been done an hour before it holds. */
async function announce(taskType: string, units: number | null, validFrom: Date): Promise<void> {
  const feature = units === null ? null : 'image.generate';
  const createTime = new Date(validFrom.getTime() - 3_600_000);
  await tests.query('INSERT INTO task_tariffs (task_type, units, feature, valid_from, create_time) VALUES (?)', [
    [taskType, units, feature, validFrom, createTime],
  ]);
}

/** The lane asks for every command; the database is asked every few seconds. */
describe('the tariffs that a process knows', () => {
  test('hold from their very instant until the next, and an unlisted task type has none', async () => {
    const taskType = newId('t');
    await announce(taskType, 2, at(0));
    await announce(taskType, 5, at(1_000));
    await announce(taskType, null, at(2_000));
    const tariffs = createTariffs({ db });
    await tariffs.ready(at(0));
    const units = [-1, 0, 999, 1_000, 1_999, 2_000, 9_000].map((ms) => tariffs.tariffOf(taskType, at(ms))?.units);
    expect(units).toEqual([undefined, 2, 2, 5, 5, undefined, undefined]);
    expect(tariffs.tariffOf(taskType, at(0))).toEqual({ units: 2, feature: 'image.generate' });
    expect(tariffs.tariffOf(newId('t'), at(0))).toBeUndefined();
    // SQL compares, and a map does: a type differs by its case.
    expect(tariffs.tariffOf(taskType.toUpperCase(), at(0))).toBeUndefined();
  });

  test('are looked up once by all who wait at first, and not at all for ten seconds', async () => {
    const tariffs = createTariffs({ db });
    const before = looks;
    await Promise.all(Array.from({ length: 50 }, () => tariffs.ready(at(0))));
    expect(looks - before).toBe(1);
    for (const ms of [1, 5_000, 10_000, -10_000]) await tariffs.ready(at(ms));
    expect(looks - before).toBe(1);
  });

  test('are renewed beside the commands from then on: nobody waits, and what is announced is known', async () => {
    const taskType = newId('t');
    const tariffs = createTariffs({ db });
    await tariffs.ready(at(0));
    await announce(taskType, 7, at(0));
    await tariffs.ready(at(10_000));
    expect(tariffs.tariffOf(taskType, at(10_000))).toBeUndefined();
    await tariffs.ready(at(10_001));
    await until('the new tariff', () => Promise.resolve(tariffs.tariffOf(taskType, at(10_001))?.units === 7));
  });

  test('are waited for when they are older than half a minute, by a clock that was set back as well', async () => {
    const tariffs = createTariffs({ db });
    await tariffs.ready(at(0));
    for (const ms of [30_001, -60_000]) {
      const taskType = newId('t');
      await announce(taskType, 7, at(-86_400_000));
      await tariffs.ready(at(ms));
      expect(tariffs.tariffOf(taskType, at(ms))?.units).toBe(7);
    }
  });

  describe('while the database is away', () => {
    let away: Database;
    beforeAll(() => {
      away = openServiceDatabase(readInfra(), tests, { overrides: { DATABASE_URL: 'mysql://u:p@127.0.0.1:1/none' } });
    });
    afterAll(() => away.knex.destroy());

    test('serve on for half a minute, with a word about it once a second, and then nothing is taken on a guess', async () => {
      const taskType = newId('t');
      await announce(taskType, 7, at(0));
      const failures: unknown[] = [];
      const moved: { knex: Database['knex'] } & Omit<Database, 'knex'> = { ...db };
      const tariffs = createTariffs({ db: moved, onFailure: (error) => failures.push(error) });
      await tariffs.ready(at(0));
      moved.knex = away.knex;
      for (const ms of [20_000, 20_500, 20_999]) await tariffs.ready(at(ms));
      await until('the failure', () => Promise.resolve(failures.length > 0));
      expect(failures).toHaveLength(1);
      expect(tariffs.tariffOf(taskType, at(20_000))?.units).toBe(7);
      const refusal = await tariffs.ready(at(30_001)).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(isReason(refusal, 'DATABASE_UNAVAILABLE')).toBe(true);
      moved.knex = db.knex;
      await tariffs.ready(at(30_002));
      expect(tariffs.tariffOf(taskType, at(30_002))?.units).toBe(7);
    });
  });
});
