import type { Knex } from 'knex';

/** One event tells of all the users that one transaction changed; it then names them in its payload, not in `user_id`. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE outbox
      MODIFY user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      MODIFY payload MEDIUMTEXT NOT NULL`);
}
