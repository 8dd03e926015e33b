import type { Knex } from 'knex';
import { appendOnly } from './triggers';

/**
 * What a task type costs from an instant on: units, and the feature its user must hold. Units NULL: unlisted from then on,
 * any amount passes. Announced at least a minute ahead, so that every process knows it before it holds.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS task_tariffs (
      id BIGINT NOT NULL AUTO_INCREMENT,
      task_type VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      units BIGINT NULL,
      feature VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      valid_from DATETIME(3) NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      UNIQUE KEY uk_task_type_valid_from (task_type, valid_from),
      CONSTRAINT task_tariffs_units_with_feature CHECK ((units IS NULL) = (feature IS NULL)),
      CONSTRAINT task_tariffs_units_positive CHECK (units IS NULL OR units > 0),
      CONSTRAINT task_tariffs_announced CHECK (TIMESTAMPDIFF(SECOND, create_time, valid_from) >= 60)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'task_tariffs');
}
