import type { Knex } from 'knex';
import { hasColumn } from './schema-facts';
import { refuseUpdateWhen } from './triggers';

/**
 * A lot whose order was refunded in full is revoked: from `revoke_time` on, units that come back to it end at once. The
 * trigger that freezes a lot's columns is made anew with that column, under a new name, before the old one goes.
 */
export async function up(knex: Knex): Promise<void> {
  if (!(await hasColumn(knex, 'quota_grants', 'revoke_time'))) {
    await knex.raw('ALTER TABLE quota_grants ADD COLUMN revoke_time DATETIME(3) NULL');
  }
  await refuseUpdateWhen(knex, 'quota_grants', {
    name: 'identity_frozen',
    condition: `OLD.user_id <> NEW.user_id OR OLD.grant_id <> NEW.grant_id OR OLD.source <> NEW.source
      OR OLD.source_ref <> NEW.source_ref OR OLD.amount <> NEW.amount OR OLD.create_time <> NEW.create_time
      OR NOT (OLD.order_id <=> NEW.order_id) OR NOT (OLD.expire_time <=> NEW.expire_time)
      OR (OLD.revoke_time IS NOT NULL AND NOT (OLD.revoke_time <=> NEW.revoke_time))`,
    message: 'identity and money columns are frozen',
  });
  await knex.raw('DROP TRIGGER IF EXISTS quota_grants_frozen');
}
