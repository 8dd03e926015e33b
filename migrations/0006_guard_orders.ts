import type { Knex } from 'knex';
import { freezeColumns, refuseInsertWhen } from './triggers';

/** Orders: what was sold is frozen, payment facts are set once, and "paid" needs a payment of the same amount. */
export async function up(knex: Knex): Promise<void> {
  await freezeColumns(knex, 'orders', {
    always: [
      'id',
      'user_id',
      'channel',
      'plan_id',
      'plan_price_id',
      'plan_name',
      'period_unit',
      'period_count',
      'quota_units',
      'features',
      'list_amount',
      'original_amount',
      'discount_amount',
      'final_amount',
      'currency',
      'tax_rate_basis_points',
      'net_amount',
      'tax_amount',
      'coupon_id',
      'notify_url',
      'create_time',
      'expire_time',
    ],
    onceSet: ['transaction_id', 'paid_time', 'apply_time'],
    refuseWhen: [
      { condition: 'NEW.refunded_amount < OLD.refunded_amount', message: 'a refund is never taken back' },
      {
        condition: `NEW.paid_time IS NOT NULL AND OLD.paid_time IS NULL AND NOT EXISTS (
          SELECT 1 FROM payments p
          WHERE p.order_id = NEW.id AND p.user_id = NEW.user_id AND p.status = 'applied' AND p.amount = NEW.final_amount
            AND p.currency = NEW.currency AND p.transaction_id <=> NEW.transaction_id)`,
        message: 'paid needs an applied payment of the same amount',
      },
      {
        condition: "OLD.status IN ('paid', 'refunded') AND NEW.status NOT IN ('paid', 'refunded')",
        message: 'a paid order stays paid',
      },
      {
        condition: `NOT (OLD.status <=> NEW.status) AND (
          OLD.status IN ('closed', 'failed', 'refunded') OR NEW.status = 'created'
          OR (OLD.status = 'closing' AND NEW.status = 'pending'))`,
        message: 'an order never goes back',
      },
    ],
  });
  await refuseInsertWhen(knex, 'orders', {
    name: 'born_unpaid',
    condition: 'NEW.paid_time IS NOT NULL OR NEW.transaction_id IS NOT NULL OR NEW.refunded_amount <> 0',
    message: 'an order is born unpaid',
  });
}
