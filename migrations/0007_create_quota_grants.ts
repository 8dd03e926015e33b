import type { Knex } from 'knex';
import { freezeColumns, refuseInsertWhen } from './triggers';

/**
 * Lots of quota. `grant_id` is the sequence of the GRANT row that made the lot. What each source may refer to is checked
 * here too: one registration lot per user, one membership lot per order, a compensation only for units that just expired.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS quota_grants (
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      grant_id BIGINT NOT NULL,
      source VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      source_ref VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      order_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
      amount BIGINT NOT NULL,
      remaining BIGINT NOT NULL,
      held BIGINT NOT NULL DEFAULT 0,
      expire_time DATETIME(3) NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (user_id, grant_id),
      UNIQUE KEY uk_grant_source (user_id, source, source_ref),
      CONSTRAINT quota_grants_source_known CHECK (source IN ('registration', 'membership', 'compensation')),
      CONSTRAINT quota_grants_order CHECK ((source = 'membership') = (order_id IS NOT NULL)),
      CONSTRAINT quota_grants_registration_once CHECK (source <> 'registration' OR source_ref = 'registration'),
      CONSTRAINT quota_grants_membership_once CHECK (source <> 'membership' OR source_ref = CONCAT(order_id, ':1')),
      CONSTRAINT quota_grants_amounts
        CHECK (amount > 0 AND remaining >= 0 AND held >= 0 AND remaining + held <= amount)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'quota_grants', {
    always: ['user_id', 'grant_id', 'source', 'source_ref', 'order_id', 'amount', 'expire_time', 'create_time'],
  });
  await refuseInsertWhen(knex, 'quota_grants', {
    name: 'paid_order',
    condition: `NEW.source = 'membership' AND NOT EXISTS (
      SELECT 1 FROM orders o
      WHERE o.id = NEW.order_id AND o.user_id = NEW.user_id AND o.paid_time IS NOT NULL
        AND o.status = 'paid' AND o.quota_units = NEW.amount)`,
    message: 'a membership lot needs its paid order',
  });
  await refuseInsertWhen(knex, 'quota_grants', {
    name: 'logged',
    condition: `NEW.remaining <> NEW.amount OR NEW.held <> 0 OR NOT EXISTS (
      SELECT 1 FROM quota_logs l
      WHERE l.user_id = NEW.user_id AND l.sequence = NEW.grant_id AND l.type = 'GRANT' AND l.units = NEW.amount)`,
    message: 'a lot is born whole and needs its GRANT row',
  });
  await refuseInsertWhen(knex, 'quota_grants', {
    name: 'expired_before',
    condition: `NEW.source = 'compensation' AND NOT EXISTS (
      SELECT 1 FROM quota_logs l
      WHERE l.user_id = NEW.user_id AND l.sequence = NEW.grant_id - 1 AND l.type = 'EXPIRE' AND l.units = NEW.amount)`,
    message: 'a compensation replaces units that have just expired',
  });
}
