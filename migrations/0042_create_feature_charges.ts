import type { Knex } from 'knex';
import { appendOnly, freezeColumns } from './triggers';

/**
 * Limits of features per period. `feature_charges`: which charges count against one, of limited features only. What has been
 * used of a limit, `feature_usages`, is the sum of what these charges took less what came back of them.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS feature_charges (
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      sequence BIGINT NOT NULL,
      feature VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      period_no INT NOT NULL,
      PRIMARY KEY (user_id, sequence)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'feature_charges');
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS feature_usages (
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      feature VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      period_no INT NOT NULL,
      used BIGINT NOT NULL,
      PRIMARY KEY (user_id, feature, period_no),
      CONSTRAINT feature_usages_used CHECK (used >= 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'feature_usages', { always: ['user_id', 'feature', 'period_no'] });
}
