import type { TestDatabase } from './database';

/**
 * A paid order for so many units, made as an insider with every right would: for tests that need a membership grant, which
 * the database gives to no user without one, but no payment.
 */
export async function insertPaidOrder(db: TestDatabase, userId: string, orderId: string, units: number): Promise<void> {
  const time = '2026-01-01 00:00:00.000';
  const [price] = await db.query("SELECT * FROM plan_prices WHERE plan_id = 'monthly' LIMIT 1");
  const order = {
    ...{ id: orderId, user_id: userId, status: 'pending', channel: 'native', plan_id: 'monthly' },
    ...{
      plan_price_id: price?.['id'],
      plan_name: 'monthly',
      period_unit: 'month',
      period_count: 1,
      quota_units: units,
    },
    ...{ features: '[]', list_amount: 0, original_amount: 0, discount_amount: 0, final_amount: 0, currency: 'CNY' },
    ...{
      tax_rate_basis_points: 600,
      net_amount: 0,
      tax_amount: 0,
      notify_url: '',
      create_time: time,
      expire_time: time,
    },
  };
  const payment = {
    ...{ id: orderId.slice(0, 26), order_id: orderId, user_id: userId, method: 'none', status: 'applied', amount: 0 },
    ...{ currency: 'CNY', success_time: time, create_time: time },
  };
  for (const [table, row] of Object.entries({ orders: order, payments: payment })) {
    await db.query(`INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (?)`, [Object.values(row)]);
  }
  await db.query("UPDATE orders SET status = 'paid', paid_time = ?, apply_time = ? WHERE id = ?", [
    time,
    time,
    orderId,
  ]);
}
