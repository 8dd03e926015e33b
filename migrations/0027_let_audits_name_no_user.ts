import type { Knex } from 'knex';

/** What happens to a promotion is nobody's in particular: such an audit row names no user. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE audit_logs MODIFY user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL');
}
