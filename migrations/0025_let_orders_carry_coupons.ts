import type { Knex } from 'knex';
import { refuseInsertWhen, refuseUpdateWhen } from './triggers';

/** Orders with a coupon: the discount is the coupon's, and nobody pays an order whose coupon is not held by it. */
export async function up(knex: Knex): Promise<void> {
  await refuseInsertWhen(knex, 'orders', {
    name: 'discount_is_a_coupons',
    condition: `(NEW.discount_amount > 0 AND NEW.coupon_id IS NULL) OR (NEW.coupon_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM user_coupons c WHERE c.id = NEW.coupon_id AND c.user_id = NEW.user_id AND c.status = 'unused'))`,
    message: 'a discount needs an unused coupon of the buyer',
  });
  await refuseUpdateWhen(knex, 'orders', {
    name: 'paid_holds_its_coupon',
    condition: `NEW.paid_time IS NOT NULL AND OLD.paid_time IS NULL AND NEW.coupon_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM user_coupons c WHERE c.id = NEW.coupon_id AND c.order_id = NEW.id AND c.status = 'locked')`,
    message: 'paid needs the coupon that the order was priced with',
  });
}
