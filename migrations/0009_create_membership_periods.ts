import type { Knex } from 'knex';
import { freezeColumns, refuseInsertWhen } from './triggers';

/** Paid membership periods [start_time, end_time), one per order. `next_grant_time` is when its next lot is due. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS membership_periods (
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      period_no INT NOT NULL,
      order_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      plan_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      plan_name VARCHAR(64) NOT NULL,
      features TEXT NOT NULL,
      quota_units BIGINT NOT NULL,
      period_unit VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      anchor_time DATETIME(3) NOT NULL,
      anchor_offset INT NOT NULL,
      start_time DATETIME(3) NOT NULL,
      end_time DATETIME(3) NOT NULL,
      next_grant_time DATETIME(3) NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (user_id, period_no),
      UNIQUE KEY uk_membership_periods_order (order_id),
      KEY membership_periods_by_next_grant (next_grant_time),
      CONSTRAINT membership_periods_interval CHECK (start_time < end_time),
      CONSTRAINT membership_periods_features_json CHECK (JSON_VALID(features))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'membership_periods', {
    always: [
      'user_id',
      'period_no',
      'order_id',
      'plan_id',
      'plan_name',
      'features',
      'quota_units',
      'period_unit',
      'anchor_time',
      'anchor_offset',
      'start_time',
      'create_time',
    ],
    refuseWhen: [{ condition: 'NEW.end_time > OLD.end_time', message: 'a period is never made longer' }],
  });
  await refuseInsertWhen(knex, 'membership_periods', {
    name: 'paid_order',
    condition: `NOT EXISTS (
      SELECT 1 FROM orders o WHERE o.id = NEW.order_id AND o.user_id = NEW.user_id AND o.paid_time IS NOT NULL)`,
    message: 'a period needs its paid order',
  });
}
