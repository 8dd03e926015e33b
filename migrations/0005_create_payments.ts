import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/** Money that arrived. `applied` paid its order; `received` is late or second money on its way back to the payer. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS payments (
      id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      order_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      method VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      transaction_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
      amount BIGINT NOT NULL,
      payer_total BIGINT NULL,
      currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      trade_type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
      success_time DATETIME(3) NOT NULL,
      create_time DATETIME(3) NOT NULL,
      applied_order_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin
        GENERATED ALWAYS AS (CASE WHEN status = 'applied' THEN order_id END) STORED,
      PRIMARY KEY (id),
      UNIQUE KEY uk_payments_transaction (transaction_id),
      UNIQUE KEY uk_payments_applied_order (applied_order_id),
      KEY payments_by_order (order_id, status),
      CONSTRAINT payments_method_known CHECK (method IN ('wechatpay', 'none')),
      CONSTRAINT payments_transaction CHECK ((method = 'wechatpay') = (transaction_id IS NOT NULL)),
      CONSTRAINT payments_none_is_free CHECK (method <> 'none' OR amount = 0),
      CONSTRAINT payments_status_known CHECK (status IN ('applied', 'received', 'refunding', 'refunded')),
      CONSTRAINT payments_amounts CHECK (amount >= 0 AND (payer_total IS NULL OR payer_total >= 0)),
      CONSTRAINT payments_currency_known CHECK (currency = 'CNY')
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'payments', {
    always: [
      'id',
      'order_id',
      'user_id',
      'method',
      'transaction_id',
      'amount',
      'payer_total',
      'currency',
      'trade_type',
      'success_time',
      'create_time',
    ],
    refuseWhen: [
      {
        condition: "NEW.status = 'applied' AND OLD.status <> 'applied'",
        message: 'money that did not pay its order on arrival never pays it later',
      },
    ],
  });
}
