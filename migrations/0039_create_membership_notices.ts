import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/**
 * What a user is told next of his membership's end, one row each. `expire_time`: when the periods that stand without a gap
 * end. `next_kind`: `expired`, `expiring:N` (N days before), or `plan`: the membership changed, and what is
 * next is worked out at `next_time`, before which nothing can be due; NULL: nothing is. `told_kind`, `told_time`: what was told last, and for when. Who is a member
 * when this runs is planned for.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS membership_notices (
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      expire_time DATETIME(3) NULL,
      next_kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
      next_time DATETIME(3) NULL,
      told_kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
      told_time DATETIME(3) NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (user_id),
      KEY membership_notices_by_next (next_time),
      CONSTRAINT membership_notices_next CHECK ((next_kind IS NULL) = (next_time IS NULL)
        AND (next_kind IS NULL OR next_kind REGEXP '^(plan|expired|expiring:[1-9][0-9]{0,2})$')),
      CONSTRAINT membership_notices_told CHECK ((told_kind IS NULL) = (told_time IS NULL)
        AND (told_kind IS NULL OR told_kind REGEXP '^(expired|expiring:[1-9][0-9]{0,2})$'))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'membership_notices', {
    always: ['user_id', 'create_time'],
    refuseWhen: [
      {
        condition: 'OLD.told_time IS NOT NULL AND (NEW.told_time IS NULL OR NEW.told_time < OLD.told_time)',
        message: 'what was told stays told',
      },
    ],
  });
  await knex.raw(`
    INSERT INTO membership_notices (user_id, next_kind, next_time, create_time)
    SELECT u.id, 'plan', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3)
    FROM users u
    WHERE u.membership_expire_time > UTC_TIMESTAMP(3)
      AND NOT EXISTS (SELECT 1 FROM membership_notices n WHERE n.user_id = u.id)`);
}
