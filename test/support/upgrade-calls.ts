import {
  OrderKind,
  type CreateOrderRequest,
  type CreateOrderResponse,
  type Order,
} from '../../src/gen/billing/v1/order_service.pb';
import { mustSucceed, type Reply } from './clients';
import { newId, type Harness } from './harness';
import { createOrderCall } from './order-calls';

/** Upgrades as the order service asks for them. */

/** A plan on sale now; of a month that gives 1 500 units for 19 900 fen, but for the terms given. Returns its id. */
export async function openPlan(
  h: Harness,
  { price = 19_900, quotaUnits = 1_500 }: { readonly price?: number; readonly quotaUnits?: number } = {},
): Promise<string> {
  const id = newId('plan').slice(0, 40);
  await h.db.query(
    "INSERT INTO plans (id, name, kind, status, create_time) VALUES (?, '专业会员', 'sale', 'active', '2020-01-01')",
    [id],
  );
  const row = {
    ...{ plan_id: id, list_price: price + 10_000, price, currency: 'CNY', period_unit: 'month', period_count: 1 },
    ...{ quota_units: quotaUnits, features: '["image.generate"]', tax_rate_basis_points: 600 },
    ...{ valid_from: '2020-01-01', create_time: '2020-01-01' },
  };
  await h.db.query(`INSERT INTO plan_prices (${Object.keys(row).join(', ')}) VALUES (?)`, [Object.values(row)]);
  return id;
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
