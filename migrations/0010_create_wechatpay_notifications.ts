import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/**
 * The inbox: verified notifications, durable before they are answered, one row per event and business key.
 * `subject_id` is the transaction_id (or refund_id); personal data stays in the sealed side table (0011).
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS wechatpay_notifications (
      id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      event_type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      subject_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      notification_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      content TEXT NOT NULL,
      status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      reason VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
      times_received INT NOT NULL DEFAULT 1,
      attempts INT NOT NULL DEFAULT 0,
      next_attempt_time DATETIME(3) NULL,
      create_time DATETIME(3) NOT NULL,
      apply_time DATETIME(3) NULL,
      PRIMARY KEY (id),
      UNIQUE KEY uk_wechatpay_notifications_subject (event_type, subject_id),
      KEY wechatpay_notifications_by_next_attempt (next_attempt_time),
      CONSTRAINT wechatpay_notifications_status_known CHECK (status IN ('received', 'applied', 'refused', 'ignored')),
      CONSTRAINT wechatpay_notifications_content_json CHECK (JSON_VALID(content))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'wechatpay_notifications', {
    always: ['id', 'event_type', 'subject_id', 'notification_id', 'content', 'create_time'],
    onceSet: ['apply_time'],
  });
}
