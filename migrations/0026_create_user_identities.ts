import type { Knex } from 'knex';
import { appendOnly, refuseUpdateWhen, refuseRowDelete } from './triggers';

/**
 * Against farming (恶意刷单): whose phone, openid or device a user was registered with, as blind indexes; which identity
 * has had its registration grant; and how many grants a caller gave on a business day.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS user_identities (
      identity_index BINARY(32) NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (identity_index, user_id),
      KEY user_identities_by_user (user_id)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'user_identities');
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS granted_identities (
      identity_index BINARY(32) NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (identity_index)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'granted_identities');
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS registration_grant_days (
      caller VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      business_day DATE NOT NULL,
      granted BIGINT NOT NULL,
      PRIMARY KEY (caller, business_day),
      CONSTRAINT registration_grant_days_count CHECK (granted > 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await refuseUpdateWhen(knex, 'registration_grant_days', {
    name: 'counts_up',
    condition: 'OLD.caller <> NEW.caller OR OLD.business_day <> NEW.business_day OR NEW.granted <> OLD.granted + 1',
    message: 'grants are counted one by one',
  });
  await refuseRowDelete(knex, 'registration_grant_days');
}
