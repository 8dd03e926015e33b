import type { Knex } from 'knex';

/** Orders. Everything an order sold is a copy taken when it was created. Its triggers come once payments exist (0006). */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS orders (
      id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      channel VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      plan_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      plan_price_id BIGINT NOT NULL,
      plan_name VARCHAR(64) NOT NULL,
      period_unit VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      period_count INT NOT NULL,
      quota_units BIGINT NOT NULL,
      features TEXT NOT NULL,
      list_amount BIGINT NOT NULL,
      original_amount BIGINT NOT NULL,
      discount_amount BIGINT NOT NULL,
      final_amount BIGINT NOT NULL,
      refunded_amount BIGINT NOT NULL DEFAULT 0,
      currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      tax_rate_basis_points INT NOT NULL,
      net_amount BIGINT NOT NULL,
      tax_amount BIGINT NOT NULL,
      coupon_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      notify_url VARCHAR(255) NOT NULL,
      transaction_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
      create_time DATETIME(3) NOT NULL,
      expire_time DATETIME(3) NOT NULL,
      paid_time DATETIME(3) NULL,
      apply_time DATETIME(3) NULL,
      PRIMARY KEY (id),
      KEY orders_by_user (user_id, id),
      KEY orders_by_user_status (user_id, status, id),
      UNIQUE KEY uk_orders_transaction (transaction_id),
      CONSTRAINT orders_status_known
        CHECK (status IN ('created', 'pending', 'closing', 'paid', 'closed', 'failed', 'refunded')),
      CONSTRAINT orders_channel_known CHECK (channel IN ('native', 'jsapi', 'h5', 'app')),
      CONSTRAINT orders_period CHECK (period_unit IN ('day', 'month') AND period_count > 0),
      CONSTRAINT orders_features_json CHECK (JSON_VALID(features)),
      CONSTRAINT orders_currency_known CHECK (currency = 'CNY'),
      CONSTRAINT orders_amounts CHECK (
        discount_amount >= 0 AND final_amount >= 0 AND quota_units >= 0
        AND final_amount = original_amount - discount_amount AND original_amount <= list_amount),
      CONSTRAINT orders_tax CHECK (net_amount >= 0 AND tax_amount >= 0 AND net_amount + tax_amount = final_amount),
      CONSTRAINT orders_refunded CHECK (refunded_amount >= 0 AND refunded_amount <= final_amount),
      CONSTRAINT orders_paid_complete CHECK (
        status NOT IN ('paid', 'refunded') OR (paid_time IS NOT NULL AND apply_time IS NOT NULL))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
}
