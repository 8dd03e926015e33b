import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/**
 * What arrived, headers and decrypted resource, sealed with the data key: evidence with personal data, apart from the
 * inbox. One row for each thing that was told: `content_hash` covers what is decided by, so that a repeat which tells
 * something else is kept and a repeat which tells the same is not.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS wechatpay_notification_bodies (
      id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      inbox_id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      content_hash BINARY(32) NOT NULL,
      sealed_body MEDIUMBLOB NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      UNIQUE KEY uk_wechatpay_notification_bodies_content (inbox_id, content_hash)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  // The sealed body alone may change: when it is sealed anew with another data key.
  await freezeColumns(knex, 'wechatpay_notification_bodies', {
    always: ['id', 'inbox_id', 'content_hash', 'create_time'],
  });
}
