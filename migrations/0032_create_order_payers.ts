import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/**
 * Who pays an order, where the channel needs to know (openid for jsapi, IP address for h5): personal data, sealed with the
 * data key and apart from the order, because a repeated prepay must tell WeChat Pay the same.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS order_payers (
      order_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      sealed_payer BLOB NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (order_id)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  // The sealed payer alone may change: when it is sealed anew with another data key.
  await freezeColumns(knex, 'order_payers', { always: ['order_id', 'create_time'] });
}
