import type { Knex } from 'knex';
import { hasColumn } from './schema-facts';
import { refuseUpdateWhen } from './triggers';

/**
 * A period whose order was refunded in full is revoked: it counts for nothing from `revoke_time` on, even if it had not
 * started. `revoke_units`: units that partial refunds ended before the period's lot was given; they end when it is.
 */
export async function up(knex: Knex): Promise<void> {
  if (!(await hasColumn(knex, 'membership_periods', 'revoke_time'))) {
    await knex.raw('ALTER TABLE membership_periods ADD COLUMN revoke_time DATETIME(3) NULL');
  }
  if (!(await hasColumn(knex, 'membership_periods', 'revoke_units'))) {
    await knex.raw('ALTER TABLE membership_periods ADD COLUMN revoke_units BIGINT NOT NULL DEFAULT 0');
  }
  await refuseUpdateWhen(knex, 'membership_periods', {
    name: 'revoked_stays',
    condition: `(OLD.revoke_time IS NOT NULL AND NOT (OLD.revoke_time <=> NEW.revoke_time))
      OR NEW.revoke_units < OLD.revoke_units OR NEW.revoke_units > NEW.quota_units
      OR (OLD.revoke_time IS NOT NULL AND NEW.next_grant_time IS NOT NULL)`,
    message: 'a revoked period stays revoked, and gives nothing more',
  });
}
