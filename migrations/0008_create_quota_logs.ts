import type { Knex } from 'knex';
import { appendOnly } from './triggers';

/** The append-only quota log: one row per posting, chained by hash per user (docs/invariants.md). */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS quota_logs (
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      sequence BIGINT NOT NULL,
      origin VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      request_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      request_hash BINARY(32) NOT NULL,
      type VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      amount BIGINT NOT NULL,
      units BIGINT NOT NULL,
      quota_remaining BIGINT NOT NULL,
      lots TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      consume_sequence BIGINT NULL,
      task_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      task_type VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      description VARCHAR(256) NOT NULL,
      actor VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      create_time DATETIME(3) NOT NULL,
      hash_version SMALLINT NOT NULL,
      hash BINARY(32) NOT NULL,
      PRIMARY KEY (user_id, sequence),
      UNIQUE KEY uk_quota_logs_request (user_id, origin, request_id),
      KEY quota_logs_by_type (user_id, type, sequence),
      KEY quota_logs_by_time (user_id, create_time, sequence),
      KEY quota_logs_by_consume (user_id, consume_sequence),
      CONSTRAINT quota_logs_origin_known CHECK (origin IN ('caller', 'system')),
      CONSTRAINT quota_logs_type_known
        CHECK (type IN ('GRANT', 'CONSUME', 'REFUND', 'HOLD', 'CAPTURE', 'RELEASE', 'EXPIRE', 'REVOKE')),
      CONSTRAINT quota_logs_sign CHECK (CASE
        WHEN type IN ('GRANT', 'REFUND', 'RELEASE') THEN amount = units
        WHEN type IN ('CONSUME', 'HOLD', 'EXPIRE', 'REVOKE') THEN amount = -units
        ELSE amount >= 0 END),
      CONSTRAINT quota_logs_lots_json CHECK (JSON_VALID(lots)),
      CONSTRAINT quota_logs_balance_not_negative CHECK (quota_remaining >= 0),
      CONSTRAINT quota_logs_units_positive CHECK (units > 0),
      CONSTRAINT quota_logs_refund_names_consume CHECK ((type = 'REFUND') = (consume_sequence IS NOT NULL))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'quota_logs');
}
