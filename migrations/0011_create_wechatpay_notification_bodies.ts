import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/** What arrived, headers and decrypted resource, sealed with the data key: evidence with personal data, apart from it. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS wechatpay_notification_bodies (
      id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      sealed_body MEDIUMBLOB NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  // The sealed body alone may change: when it is sealed anew with another data key.
  await freezeColumns(knex, 'wechatpay_notification_bodies', { always: ['id', 'create_time'] });
}
