import { mustSucceed } from './clients';
import { newId, until, type Harness } from './harness';
import { createOrderCall } from './order-calls';

/** Listed task types, and memberships that limit features, beside a whole service. */

/** The age at which what a process knows of tariffs is not used any more. */
const TARIFFS_USABLE_MS = 30_000;

/** Lists a task type for every process from now on. */
export async function listTaskType(
  h: Harness,
  taskType: string,
  { units, feature }: { readonly units: number; readonly feature: string },
): Promise<void> {
  const now = h.clock.now();
  const announced = new Date(now.getTime() - 60_000);
  const columns = 'task_type, units, feature, valid_from, create_time';
  await h.db.query(`INSERT INTO task_tariffs (${columns}) VALUES (?)`, [[taskType, units, feature, now, announced]]);
  h.clock.advanceMs(TARIFFS_USABLE_MS + 1);
}

/** Has a user buy a month of a plan of his own that limits features to so many units. Returns the plan. */
export async function buyLimited(
  h: Harness,
  userId: string,
  limits: Readonly<Record<string, number>>,
): Promise<string> {
  const planId = newId('plan').slice(0, 40);
  await h.db.query(
    "INSERT INTO plans (id, name, kind, status, create_time) VALUES (?, '限量会员', 'sale', 'active', '2020-01-01')",
    [planId],
  );
  const row = {
    ...{ plan_id: planId, list_price: 100, price: 100, currency: 'CNY', period_unit: 'month', period_count: 1 },
    ...{ quota_units: 100, features: JSON.stringify(Object.keys(limits)), feature_limits: JSON.stringify(limits) },
    ...{ tax_rate_basis_points: 600, valid_from: '2020-01-01', create_time: '2020-01-01' },
  };
  await h.db.query(`INSERT INTO plan_prices (${Object.keys(row).join(', ')}) VALUES (?)`, [Object.values(row)]);
  const { order } = await mustSucceed(createOrderCall(h, { userId, planId }));
  await h.control('/_control/pay', { order_id: order?.orderId });
  await until('the order is paid', async () => {
    const [paid] = await h.db.query('SELECT status FROM orders WHERE id = ?', [order?.orderId]);
    return paid?.['status'] === 'paid';
  });
  return planId;
}
