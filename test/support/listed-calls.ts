import { makePlan, makeTariff, monthly } from './catalog-calls';
import { mustSucceed } from './clients';
import { newId, until, type Harness } from './harness';
import { createOrderCall } from './order-calls';

/** Listed task types, and memberships that limit features, beside a whole service. */

/** Lists a task type for every process from now on; a plan that is offered has its feature. */
export async function listTaskType(
  h: Harness,
  taskType: string,
  { units, feature }: { readonly units: number; readonly feature: string },
): Promise<void> {
  const { validFrom } = await makeTariff(h, { taskType, units, feature });
  // It is announced for longer than any process goes without looking.
  h.clock.advanceMs((validFrom?.getTime() ?? 0) - h.clock.now().getTime() + 1);
}

/** Has a user buy a month of a plan of his own that limits features to so many units. Returns the plan. */
export async function buyLimited(
  h: Harness,
  userId: string,
  limits: Readonly<Record<string, number>>,
): Promise<string> {
  const featureLimits = Object.entries(limits).map(([feature, units]) => ({ feature, units }));
  const features = featureLimits.map(({ feature }) => feature);
  const terms = monthly({ price: 100, listPrice: 100, quotaUnits: 100, features, featureLimits });
  const { planId } = await makePlan(h, { planId: newId('plan').slice(0, 40), name: '限量会员', terms });
  const { order } = await mustSucceed(createOrderCall(h, { userId, planId }));
  await h.control('/_control/pay', { order_id: order?.orderId });
  await until('the order is paid', async () => {
    const [paid] = await h.db.query('SELECT status FROM orders WHERE id = ?', [order?.orderId]);
    return paid?.['status'] === 'paid';
  });
  return planId;
}
