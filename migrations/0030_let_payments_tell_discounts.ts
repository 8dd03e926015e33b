import type { Knex } from 'knex';
import { hasColumn } from './schema-facts';
import { refuseUpdateWhen } from './triggers';

/** What WeChat Pay's own promotions took off the payer, and through which bank; unknown (NULL) for earlier payments. */
export async function up(knex: Knex): Promise<void> {
  if (!(await hasColumn(knex, 'payments', 'provider_discounts'))) {
    await knex.raw(
      'ALTER TABLE payments ADD COLUMN provider_discounts TEXT NULL CHECK (provider_discounts IS NULL OR JSON_VALID(provider_discounts))',
    );
  }
  if (!(await hasColumn(knex, 'payments', 'bank_type'))) {
    await knex.raw('ALTER TABLE payments ADD COLUMN bank_type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL');
  }
  await refuseUpdateWhen(knex, 'payments', {
    name: 'told_frozen',
    condition: 'NOT (OLD.provider_discounts <=> NEW.provider_discounts) OR NOT (OLD.bank_type <=> NEW.bank_type)',
    message: 'what WeChat Pay told is frozen',
  });
}
