import type { Knex } from 'knex';
import { freezeColumns, refuseInsertWhen, refuseUpdateWhen } from './triggers';

/**
 * Money on its way back: `id` is WeChat Pay's out_refund_no. `requested` by finance, `automatic` for money that no order
 * was waiting for, `external` where it was made in the merchant portal. Never more goes back than a payment brought.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS refunds (
      id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      order_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      payment_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      transaction_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      cause VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      amount BIGINT NOT NULL,
      total BIGINT NOT NULL,
      currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      reason VARCHAR(80) NOT NULL,
      requested_by VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      notify_url VARCHAR(255) NOT NULL,
      replaces VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      frozen_units BIGINT NOT NULL DEFAULT 0,
      freeze_sequence BIGINT NULL,
      paused_grant_time DATETIME(3) NULL,
      status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      refund_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
      attempts INT NOT NULL DEFAULT 0,
      next_attempt_time DATETIME(3) NULL,
      create_time DATETIME(3) NOT NULL,
      success_time DATETIME(3) NULL,
      apply_time DATETIME(3) NULL,
      PRIMARY KEY (id),
      UNIQUE KEY uk_refunds_refund_id (refund_id),
      UNIQUE KEY uk_refunds_replaces (replaces),
      KEY refunds_by_order (order_id, create_time),
      KEY refunds_by_payment (payment_id, status),
      KEY refunds_by_next_attempt (next_attempt_time),
      CONSTRAINT refunds_cause_known CHECK (cause IN ('requested', 'automatic', 'external')),
      CONSTRAINT refunds_status_known
        CHECK (status IN ('created', 'processing', 'succeeded', 'closed', 'abnormal', 'failed')),
      CONSTRAINT refunds_amounts CHECK (amount > 0 AND amount <= total AND frozen_units >= 0),
      CONSTRAINT refunds_freeze CHECK ((freeze_sequence IS NULL) = (frozen_units = 0)),
      CONSTRAINT refunds_currency_known CHECK (currency = 'CNY'),
      CONSTRAINT refunds_success CHECK (
        status <> 'succeeded' OR (refund_id IS NOT NULL AND success_time IS NOT NULL AND apply_time IS NOT NULL))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'refunds', {
    always: [
      'id',
      'order_id',
      'user_id',
      'payment_id',
      'transaction_id',
      'cause',
      'amount',
      'total',
      'currency',
      'reason',
      'requested_by',
      'notify_url',
      'replaces',
      'frozen_units',
      'freeze_sequence',
      'paused_grant_time',
      'create_time',
    ],
    onceSet: ['refund_id', 'success_time', 'apply_time'],
    refuseWhen: [
      {
        condition: `OLD.status <> NEW.status AND (OLD.status IN ('succeeded', 'closed', 'failed') OR NEW.status = 'created')`,
        message: 'a refund never goes back',
      },
    ],
  });
  await refuseInsertWhen(knex, 'refunds', {
    name: 'has_its_payment',
    condition: `NOT EXISTS (
      SELECT 1 FROM payments p WHERE p.id = NEW.payment_id AND p.order_id = NEW.order_id AND p.user_id = NEW.user_id
        AND p.transaction_id = NEW.transaction_id AND p.amount = NEW.total AND p.currency = NEW.currency)`,
    message: 'a refund needs its payment',
  });
  // What WeChat Pay refunded already is a fact beside which ours may still be planned; of the facts the sum counts.
  await refuseInsertWhen(knex, 'refunds', {
    name: 'within_payment',
    condition: `NEW.amount + (SELECT COALESCE(SUM(r.amount), 0) FROM refunds r WHERE r.payment_id = NEW.payment_id
      AND (r.status = 'succeeded' OR (NEW.cause <> 'external' AND r.status NOT IN ('closed', 'failed')))) > NEW.total`,
    message: 'never more goes back than came',
  });
  await refuseUpdateWhen(knex, 'refunds', {
    name: 'succeeds_within_payment',
    condition: `NEW.status = 'succeeded' AND OLD.status <> 'succeeded' AND NEW.amount + (SELECT COALESCE(SUM(r.amount), 0)
      FROM refunds r WHERE r.payment_id = NEW.payment_id AND r.id <> NEW.id AND r.status = 'succeeded') > NEW.total`,
    message: 'never more goes back than came',
  });
  await refuseUpdateWhen(knex, 'payments', {
    name: 'refunded_by_refunds',
    condition: `OLD.status <> NEW.status AND (OLD.status IN ('applied', 'refunded') OR NEW.status = 'received'
      OR (NEW.status = 'refunded' AND OLD.amount <> (SELECT COALESCE(SUM(r.amount), 0)
        FROM refunds r WHERE r.payment_id = OLD.id AND r.status = 'succeeded')))`,
    message: 'refunded is what succeeded refunds brought back',
  });
  await refuseUpdateWhen(knex, 'orders', {
    name: 'refunded_by_refunds',
    condition: `(NEW.refunded_amount <> OLD.refunded_amount AND NEW.refunded_amount <> (
        SELECT COALESCE(SUM(r.amount), 0) FROM refunds r JOIN payments p ON p.id = r.payment_id
        WHERE r.order_id = NEW.id AND r.status = 'succeeded' AND p.status = 'applied'))
      OR (NEW.status = 'refunded' AND (OLD.status NOT IN ('paid', 'refunded')
        OR NEW.refunded_amount <> NEW.final_amount OR NEW.final_amount = 0))`,
    message: 'refunded is what succeeded refunds brought back',
  });
}
