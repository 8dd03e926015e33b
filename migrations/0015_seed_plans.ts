import type { Knex } from 'knex';

/** The instant from which the first price versions hold: 2025-01-01 00:00 in Asia/Shanghai. */
const VALID_FROM = '2024-12-31 16:00:00.000';

/**
 * The plans the service starts with: 月度会员 at ¥99 (9900 fen), and what a registered user may use without one. Rows that
 * are there already stay as they are, so that a migration that was cut off half-way can run again.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    INSERT INTO plans (id, name, kind, status, create_time) VALUES
      ('basic', '免费体验', 'basic', 'active', '${VALID_FROM}'),
      ('monthly', '月度会员', 'sale', 'active', '${VALID_FROM}')
    ON DUPLICATE KEY UPDATE id = plans.id`);
  await knex.raw(`
    INSERT INTO plan_prices (plan_id, list_price, price, currency, period_unit, period_count, quota_units, features,
      tax_rate_basis_points, valid_from, create_time) VALUES
      ('basic', 0, 0, 'CNY', 'month', 1, 0, '["image.generate"]', 600, '${VALID_FROM}', '${VALID_FROM}'),
      ('monthly', 9900, 9900, 'CNY', 'month', 1, 500,
        '["image.generate","image.matting","image.try_on","image.upscale"]', 600, '${VALID_FROM}', '${VALID_FROM}')
    ON DUPLICATE KEY UPDATE id = plan_prices.id`);
}
