import type { Knex } from 'knex';
import { MIGRATIONS, migrateToLatest } from '../../../migrations';
import { migrate } from '../../../src/cli/migrate';
import { openEmptyDatabase, type TestDatabase } from '../../support/database';
import { migrateConfigOf } from '../../support/database-server';
import { readInfra } from '../../support/infra';
import { connectMigrator } from '../../support/migrator';

/** The first migration after 0.3.0, which closed no orders and returned no money. */
const AFTER_030 = MIGRATIONS.findIndex(({ name }) => name.startsWith('0028_'));
const CREATED = new Date('2026-11-01T00:00:00.000Z');
const EXPIRES = new Date('2026-11-01T00:30:00.000Z');

/** An order as 0.3.0 wrote it. */
function oldOrder(id: string, status: string): Record<string, unknown> {
  const sold = { plan_id: 'monthly', plan_price_id: 1, plan_name: '月度会员', period_unit: 'month', period_count: 1 };
  const amounts = { list_amount: 9_900, original_amount: 9_900, discount_amount: 0, final_amount: 9_900 };
  const tax = { tax_rate_basis_points: 600, net_amount: 9_340, tax_amount: 560 };
  return {
    ...{ id, user_id: 'u', status, channel: 'native', ...sold, quota_units: 500, features: '[]', ...amounts, ...tax },
    ...{ currency: 'CNY', notify_url: 'http://127.0.0.1:1/n', create_time: CREATED, expire_time: EXPIRES },
  };
}

let db: TestDatabase;
let owner: Knex;
beforeAll(async () => {
  const infra = readInfra();
  db = await openEmptyDatabase(infra);
  owner = await connectMigrator(infra, db.name);
  await migrateToLatest(owner, MIGRATIONS.slice(0, AFTER_030));
  for (const status of ['created', 'pending', 'failed'])
    await owner('orders').insert(oldOrder(`old-${status}`, status));
  await owner('payments').insert({
    ...{ id: 'late-money', order_id: 'old-failed', user_id: 'u', method: 'wechatpay', status: 'received' },
    ...{ transaction_id: '4200000001', amount: 9_900, currency: 'CNY', success_time: CREATED, create_time: CREATED },
  });
  // Cut off between each migration and the note that it ran.
  for (const { up } of MIGRATIONS.slice(AFTER_030)) await up(owner);
  await migrate(migrateConfigOf(infra, db.name));
});
afterAll(async () => {
  await owner.destroy();
  await db.close();
});

/** Migrations 0031 and 0035: what 0.3.0 left open is found, by the service or by people. */
describe('a database of 0.3.0 that was migrated', () => {
  test('its open orders are asked about at once, and none of them counts as never sent to WeChat Pay', async () => {
    const asked = { next_check_time: CREATED, prepay_deadline: CREATED };
    expect(await db.query("SELECT * FROM orders WHERE id IN ('old-created', 'old-pending')")).toEqual([
      expect.objectContaining(asked),
      expect.objectContaining(asked),
    ]);
    const [failed] = await db.query("SELECT * FROM orders WHERE id = 'old-failed'");
    expect(failed).toMatchObject({ next_check_time: null });
  });

  test('money that it left to people is shown to them, once', async () => {
    const alerts = await db.query('SELECT kind, subject_id, resolve_time FROM alerts');
    expect(alerts).toEqual([{ kind: 'payment_not_awaited', subject_id: 'late-money', resolve_time: null }]);
  });

  test('an order that a process of 0.3.0 still makes is asked about when it expires; one with nothing to pay is not', async () => {
    await owner('orders').insert(oldOrder('made-later', 'created'));
    const free = { original_amount: 0, list_amount: 0, final_amount: 0, net_amount: 0, tax_amount: 0 };
    await owner('orders').insert({ ...oldOrder('made-free', 'created'), ...free });
    const times = await db.query("SELECT next_check_time FROM orders WHERE id LIKE 'made-%' ORDER BY id DESC");
    expect(times).toEqual([{ next_check_time: EXPIRES }, { next_check_time: null }]);
  });
});
