import {
  OrderKind,
  type CreateOrderRequest,
  type CreateOrderResponse,
  type Order,
} from '../../src/gen/billing/v1/order_service.pb';
import { makePlan, monthly } from './catalog-calls';
import { mustSucceed, type Reply } from './clients';
import { newId, type Harness } from './harness';
import { createOrderCall } from './order-calls';

/** Upgrades as the order service asks for them. */

/** A plan on sale now; of a month that gives 1 500 units for 19 900 fen, but for the terms given. Returns its id. */
export async function openPlan(
  h: Harness,
  { price = 19_900, quotaUnits = 1_500 }: { readonly price?: number; readonly quotaUnits?: number } = {},
): Promise<string> {
  const terms = monthly({ price, listPrice: price + 10_000, quotaUnits, features: ['image.generate'] });
  const { planId } = await makePlan(h, { planId: newId('plan').slice(0, 40), name: '专业会员', terms });
  return planId;
}

/** CreateOrder of an upgrade. */
export function upgradeCall(h: Harness, fields: Partial<CreateOrderRequest>): Promise<Reply<CreateOrderResponse>> {
  return createOrderCall(h, { kind: OrderKind.UPGRADE, ...fields });
}

/** Orders an upgrade that is there to be ordered. */
export async function orderUpgrade(h: Harness, fields: Partial<CreateOrderRequest>): Promise<Order> {
  const { order } = await mustSucceed(upgradeCall(h, fields));
  if (order === undefined) throw new Error('no order was answered');
  return order;
}
