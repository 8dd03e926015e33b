import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/** Users with their quota balance, the head of their quota log and their membership state. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS users (
      id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      quota_remaining BIGINT NOT NULL,
      log_sequence BIGINT NOT NULL,
      log_hash BINARY(32) NOT NULL,
      log_time DATETIME(3) NOT NULL,
      membership_plan_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      membership_expire_time DATETIME(3) NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      CONSTRAINT users_quota_remaining_not_negative CHECK (quota_remaining >= 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'users', {
    always: ['id', 'create_time'],
    refuseWhen: [
      { condition: 'NEW.log_sequence < OLD.log_sequence', message: 'the quota log never gets shorter' },
      {
        condition: 'NEW.quota_remaining <> OLD.quota_remaining AND NEW.log_sequence = OLD.log_sequence',
        message: 'the balance changes only together with the quota log',
      },
    ],
  });
}
