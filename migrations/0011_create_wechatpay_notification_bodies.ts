import type { Knex } from 'knex';
import { refuseDelete } from './triggers';

/** What arrived, headers and decrypted resource, sealed with the data key: evidence with personal data, apart from it. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS wechatpay_notification_bodies (
      id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      sealed_body MEDIUMBLOB NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await refuseDelete(knex, 'wechatpay_notification_bodies');
}
