import { openTestDatabase, type TestDatabase } from '../../support/database';
import { newId } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { errnoOf, REFUSALS } from '../../support/schema-facts';

const { trigger, check, privilege } = REFUSALS;

let db: TestDatabase;
let planId: string;
let basicId: string;

beforeAll(async () => {
  db = await openTestDatabase(readInfra());
  [planId, basicId] = [newId('plan'), newId('basic')];
  for (const [id, kind] of [
    [planId, 'sale'],
    [basicId, 'basic'],
  ]) {
    await db.query('INSERT INTO plans (id, name, kind, status, create_time) VALUES (?)', [
      [id, '守护', kind, 'retired', '2026-01-01'],
    ]);
  }
  await insertVersion({ valid_to: '2026-02-01' });
});
afterAll(() => db.close());

const VERSION: Readonly<Record<string, unknown>> = {
  ...{ list_price: 100, price: 100, currency: 'CNY', period_unit: 'year', period_count: 1, quota_units: 12 },
  ...{ grant_unit: 'month', grant_count: 1, features: '[]', feature_limits: null, tax_rate_basis_points: 600 },
  ...{ valid_from: '2026-01-01', valid_to: null, create_time: '2026-01-01' },
};

function insertOf(changes: Readonly<Record<string, unknown>>): [string, unknown[]] {
  const row: Record<string, unknown> = { plan_id: planId, ...VERSION, ...changes };
  return [`INSERT INTO plan_prices (${Object.keys(row).join(', ')}) VALUES (?)`, [Object.values(row)]];
}

async function insertVersion(changes: Readonly<Record<string, unknown>>): Promise<void> {
  await db.query(...insertOf(changes));
}

const everything = async (): Promise<unknown> => [
  await db.query('SELECT * FROM plans ORDER BY id'),
  await db.query('SELECT * FROM plan_prices ORDER BY id'),
  await db.query('SELECT * FROM task_tariffs ORDER BY id'),
];

async function expectRefused(refusal: readonly number[], sql: string, values: readonly unknown[] = []): Promise<void> {
  const before = await everything();
  const errno = await errnoOf(db, sql, 'root', values);
  expect({ sql, values, errno, refused: refusal.includes(errno) }).toMatchObject({ refused: true });
  expect(await everything()).toEqual(before);
}

/** Lesson 19: an account that may do everything sells nothing that the catalogue would not. */
describe('the database refuses, whoever asks,', () => {
  const later = { valid_from: '2026-02-01' };

  test.each<[string, Record<string, unknown>]>([
    ['a unit of nothing', { period_unit: 'week' }],
    ['no period', { period_count: 0 }],
    ['an interval without a count', { grant_count: null }],
    ['a count without an interval', { grant_unit: null }],
    ['an interval of nothing', { grant_unit: 'week' }],
    ['an interval of no length', { grant_count: 0 }],
    ['days in a year', { grant_unit: 'day' }],
    ['months in days', { period_unit: 'day', period_count: 30 }],
    ['five months of twelve', { grant_count: 5 }],
    ['a year of a quarter', { period_unit: 'quarter', grant_unit: 'year' }],
    ['limits that are no JSON', { feature_limits: '{' }],
  ])('a version with %s', async (_what, changes) => {
    await expectRefused(check, ...insertOf({ ...later, ...changes }));
  });

  test('a version that overlaps another, before or behind it, or the same instant twice', async () => {
    await expectRefused(trigger, ...insertOf({ valid_from: '2026-01-31 23:59:59.999' }));
    await expectRefused([1062], ...insertOf({}));
    const open = newId('plan');
    await db.query('INSERT INTO plans (id, name, kind, status, create_time) VALUES (?)', [
      [open, '守护', 'sale', 'retired', '2026-01-01'],
    ]);
    await insertVersion({ plan_id: open });
    await expectRefused(trigger, ...insertOf({ plan_id: open, valid_from: '2026-06-01' }));
    await expectRefused(trigger, ...insertOf({ plan_id: open, valid_from: '2025-06-01', valid_to: '2025-07-01' }));
  });

  test('a version of no plan, one on sale for nothing, and a basic one that costs, gives or limits anything', async () => {
    await expectRefused(trigger, ...insertOf({ plan_id: newId('none') }));
    await expectRefused(trigger, ...insertOf({ ...later, price: 0 }));
    const nothing = { plan_id: basicId, price: 0, list_price: 0, quota_units: 0, grant_unit: null, grant_count: null };
    for (const change of [
      { price: 1, list_price: 1 },
      { list_price: 1 },
      { quota_units: 1 },
      { grant_unit: 'month', grant_count: 1 },
      { feature_limits: '{}' },
    ]) {
      await expectRefused(trigger, ...insertOf({ ...nothing, ...change }));
    }
    await insertVersion(nothing);
  });

  test.each([
    "grant_unit = 'quarter'",
    'grant_count = 2',
    'grant_unit = NULL, grant_count = NULL',
    "feature_limits = '{}'",
    'quota_units = 13',
    "valid_to = '2026-03-01'",
    'valid_to = NULL',
  ])('to change what a version sold: SET %s', async (change) => {
    await expectRefused(trigger, `UPDATE plan_prices SET ${change} WHERE plan_id = ?`, [planId]);
  });

  const tariff = 'INSERT INTO task_tariffs (task_type, units, feature, valid_from, create_time) VALUES (?)';
  const ROW = ['t', 1, 'image.generate', '2026-01-01 00:01:00', '2026-01-01 00:00:00'] as const;
  test('a tariff of nothing, of half a word, or sooner than a minute ahead', async () => {
    const wrong: readonly (readonly [index: number, value: unknown])[] = [
      [1, 0],
      [1, -1],
      [1, null],
      [2, null],
      [3, '2026-01-01 00:00:59.999'],
    ];
    for (const [index, value] of wrong) {
      await expectRefused(check, tariff, [ROW.map((column, i) => (i === index ? value : column))]);
    }
  });

  test('to change a tariff or to take it back, and two of one instant', async () => {
    const taskType = newId('t');
    const row = [taskType, ...ROW.slice(1)];
    await db.query(tariff, [row]);
    await expectRefused([1062], tariff, [row]);
    await expectRefused(trigger, 'UPDATE task_tariffs SET units = 2 WHERE task_type = ?', [taskType]);
    await expectRefused(trigger, 'DELETE FROM task_tariffs WHERE task_type = ?', [taskType]);
  });

  test('the serving account everything but to add, to retire and to end', async () => {
    for (const sql of [
      "UPDATE plans SET name = 'x'",
      "UPDATE plans SET kind = 'basic'",
      'UPDATE plan_prices SET price = 1',
      'DELETE FROM plans',
      'DELETE FROM plan_prices',
      'UPDATE task_tariffs SET units = 1',
      'DELETE FROM task_tariffs',
    ]) {
      expect([sql, (privilege as readonly number[]).includes(await errnoOf(db, sql, 'app'))]).toEqual([sql, true]);
    }
    await db.query("UPDATE plans SET status = 'retired' WHERE id = ?", [planId], 'app');
  });
});
