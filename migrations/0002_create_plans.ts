import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/** Membership plans (会员套餐). A `basic` plan is what every registered user may use without paying. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS plans (
      id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      name VARCHAR(64) NOT NULL,
      kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      CONSTRAINT plans_kind_known CHECK (kind IN ('sale', 'basic')),
      CONSTRAINT plans_status_known CHECK (status IN ('active', 'retired'))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'plans', { always: ['id', 'kind', 'create_time'] });
}
