import type { Knex } from 'knex';
import { refuseInsertWhen, refuseRowDelete, refuseUpdateWhen } from './triggers';

/**
 * Coupons: one for each user and promotion, a lease that an order takes and gives back. The database compares each step
 * with the order it names: what is locked, used or released agrees with what the order says of itself.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS user_coupons (
      id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      promotion_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      status VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      order_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
      discount_amount BIGINT NULL,
      claim_time DATETIME(3) NOT NULL,
      expire_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      UNIQUE KEY uk_user_promotion (user_id, promotion_id),
      KEY user_coupons_by_user (user_id, id),
      KEY user_coupons_by_promotion (promotion_id, status),
      KEY user_coupons_by_expiry (status, expire_time),
      CONSTRAINT user_coupons_status_known CHECK (status IN ('unused', 'locked', 'used', 'expired')),
      CONSTRAINT user_coupons_order CHECK (
        (status IN ('locked', 'used')) = (order_id IS NOT NULL) AND (order_id IS NULL) = (discount_amount IS NULL)),
      CONSTRAINT user_coupons_discount CHECK (discount_amount IS NULL OR discount_amount >= 0),
      CONSTRAINT user_coupons_validity CHECK (claim_time < expire_time)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await refuseInsertWhen(knex, 'user_coupons', {
    name: 'born_unused',
    condition: "NEW.status <> 'unused'",
    message: 'a coupon is born unused',
  });
  await refuseUpdateWhen(knex, 'user_coupons', {
    name: 'identity_frozen',
    condition: `OLD.id <> NEW.id OR OLD.user_id <> NEW.user_id OR OLD.promotion_id <> NEW.promotion_id
      OR OLD.claim_time <> NEW.claim_time OR OLD.expire_time <> NEW.expire_time`,
    message: 'identity and validity are frozen',
  });
  await refuseUpdateWhen(knex, 'user_coupons', {
    name: 'moves_with_its_order',
    condition: `(OLD.status = NEW.status AND NOT (OLD.order_id <=> NEW.order_id AND OLD.discount_amount <=> NEW.discount_amount))
      OR (OLD.status <> NEW.status AND CASE CONCAT(OLD.status, '>', NEW.status)
        WHEN 'unused>expired' THEN FALSE
        WHEN 'unused>locked' THEN NOT EXISTS (
          SELECT 1 FROM orders o WHERE o.id = NEW.order_id AND o.coupon_id = OLD.id AND o.user_id = OLD.user_id
            AND o.discount_amount = NEW.discount_amount AND o.status = 'created')
        WHEN 'locked>used' THEN NOT (OLD.order_id <=> NEW.order_id AND OLD.discount_amount <=> NEW.discount_amount)
          OR NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = NEW.order_id AND o.coupon_id = OLD.id AND o.status = 'paid')
        WHEN 'locked>unused' THEN NOT EXISTS (
          SELECT 1 FROM orders o WHERE o.id = OLD.order_id AND o.coupon_id = OLD.id AND o.status IN ('closed', 'failed'))
        WHEN 'locked>expired' THEN NOT EXISTS (
          SELECT 1 FROM orders o WHERE o.id = OLD.order_id AND o.coupon_id = OLD.id AND o.status IN ('closed', 'failed'))
        WHEN 'used>unused' THEN NOT EXISTS (
          SELECT 1 FROM orders o WHERE o.id = OLD.order_id AND o.coupon_id = OLD.id AND o.status = 'refunded')
        WHEN 'used>expired' THEN NOT EXISTS (
          SELECT 1 FROM orders o WHERE o.id = OLD.order_id AND o.coupon_id = OLD.id AND o.status = 'refunded')
        ELSE TRUE END)`,
    message: 'a coupon moves with its order',
  });
  await refuseRowDelete(knex, 'user_coupons');
}
