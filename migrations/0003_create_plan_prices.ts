import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/** Price versions: what a plan costs and gives in [valid_from, valid_to). A version is never edited, only ended. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS plan_prices (
      id BIGINT NOT NULL AUTO_INCREMENT,
      plan_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      list_price BIGINT NOT NULL,
      price BIGINT NOT NULL,
      currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      period_unit VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      period_count INT NOT NULL,
      quota_units BIGINT NOT NULL,
      features TEXT NOT NULL,
      tax_rate_basis_points INT NOT NULL,
      valid_from DATETIME(3) NOT NULL,
      valid_to DATETIME(3) NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      UNIQUE KEY uk_plan_valid_from (plan_id, valid_from),
      CONSTRAINT plan_prices_amounts CHECK (price >= 0 AND price <= list_price),
      CONSTRAINT plan_prices_currency_known CHECK (currency = 'CNY'),
      CONSTRAINT plan_prices_period CHECK (period_unit IN ('day', 'month') AND period_count > 0),
      CONSTRAINT plan_prices_quota_not_negative CHECK (quota_units >= 0),
      CONSTRAINT plan_prices_tax_rate CHECK (tax_rate_basis_points >= 0 AND tax_rate_basis_points < 10000),
      CONSTRAINT plan_prices_features_json CHECK (JSON_VALID(features)),
      CONSTRAINT plan_prices_validity CHECK (valid_to IS NULL OR valid_to > valid_from)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'plan_prices', {
    always: [
      'id',
      'plan_id',
      'list_price',
      'price',
      'currency',
      'period_unit',
      'period_count',
      'quota_units',
      'features',
      'tax_rate_basis_points',
      'valid_from',
      'create_time',
    ],
    onceSet: ['valid_to'],
  });
}
