import type { Knex } from 'knex';
import { refuseInsertWhen, refuseRowDelete, refuseUpdateWhen } from './triggers';

/**
 * Promotions: terms, stock and budget. Terms are frozen once the promotion has left `draft`; `claimed_count` and
 * `budget_used` move under the row's lock, in the transaction of the coupon they count.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS promotions (
      id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      name VARCHAR(64) NOT NULL,
      status VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      discount_type VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      discount_value BIGINT NOT NULL,
      max_discount BIGINT NOT NULL,
      min_order_amount BIGINT NOT NULL,
      plan_ids TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      new_users_only TINYINT NOT NULL,
      may_be_free TINYINT NOT NULL,
      returned_on_refund TINYINT NOT NULL,
      total_quota BIGINT NOT NULL,
      claimed_count BIGINT NOT NULL,
      budget BIGINT NOT NULL,
      budget_used BIGINT NOT NULL,
      claim_start_time DATETIME(3) NULL,
      claim_end_time DATETIME(3) NULL,
      coupon_expire_time DATETIME(3) NULL,
      coupon_valid_days INT NOT NULL,
      created_by VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      editors TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      revision BIGINT NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      KEY promotions_by_status (status, id),
      CONSTRAINT promotions_status_known CHECK (status IN ('draft', 'active', 'paused', 'ended')),
      CONSTRAINT promotions_discount CHECK (discount_value > 0 AND max_discount >= 0 AND min_order_amount >= 0
        AND (discount_type = 'fixed_amount' OR (discount_type = 'percentage' AND discount_value <= 100))),
      CONSTRAINT promotions_plans_json CHECK (JSON_VALID(plan_ids)),
      CONSTRAINT promotions_editors_json CHECK (JSON_VALID(editors)),
      CONSTRAINT promotions_stock CHECK (total_quota > 0 AND claimed_count >= 0 AND claimed_count <= total_quota),
      CONSTRAINT promotions_budget CHECK (budget >= 0 AND budget_used >= 0 AND budget_used <= budget),
      CONSTRAINT promotions_window CHECK (claim_start_time IS NULL OR claim_end_time IS NULL
        OR claim_start_time < claim_end_time),
      CONSTRAINT promotions_validity CHECK ((coupon_expire_time IS NULL) = (coupon_valid_days > 0))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await refuseInsertWhen(knex, 'promotions', {
    name: 'born_draft',
    condition:
      "NEW.status <> 'draft' OR NEW.claimed_count <> 0 OR NEW.budget_used <> 0 OR NEW.revision <> 1 OR NEW.editors <> CONCAT('[\"', NEW.created_by, '\"]')",
    message: 'a promotion is born a draft that its creator made',
  });
  await refuseUpdateWhen(knex, 'promotions', {
    name: 'identity_frozen',
    condition: `OLD.id <> NEW.id OR OLD.created_by <> NEW.created_by OR OLD.create_time <> NEW.create_time
      OR NEW.claimed_count < OLD.claimed_count OR NEW.revision < OLD.revision`,
    message: 'identity is frozen, and a claim is never taken back',
  });
  await refuseUpdateWhen(knex, 'promotions', {
    name: 'terms_frozen',
    condition: `OLD.status <> 'draft' AND (OLD.discount_type <> NEW.discount_type OR OLD.discount_value <> NEW.discount_value
      OR OLD.max_discount <> NEW.max_discount OR OLD.min_order_amount <> NEW.min_order_amount
      OR OLD.plan_ids <> NEW.plan_ids OR OLD.new_users_only <> NEW.new_users_only
      OR OLD.may_be_free <> NEW.may_be_free OR OLD.returned_on_refund <> NEW.returned_on_refund
      OR OLD.coupon_valid_days <> NEW.coupon_valid_days OR NOT (OLD.coupon_expire_time <=> NEW.coupon_expire_time)
      OR NOT (OLD.claim_start_time <=> NEW.claim_start_time) OR (OLD.budget = 0) <> (NEW.budget = 0))`,
    message: 'terms are frozen once a promotion has left draft',
  });
  await refuseUpdateWhen(knex, 'promotions', {
    name: 'never_goes_back',
    condition: `OLD.status <> NEW.status AND (OLD.status = 'ended' OR NEW.status = 'draft'
      OR (OLD.status = 'draft' AND NEW.status <> 'active'))`,
    message: 'a promotion never goes back',
  });
  await refuseRowDelete(knex, 'promotions');
}
