import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/**
 * What people must look at. One alert is open for each kind and subject at a time; what happens again is counted on it.
 * Resolved ones stay, and a new one may be opened after them.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS alerts (
      id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      kind VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      severity VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      subject_type VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      subject_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
      details TEXT NOT NULL,
      occurrences INT NOT NULL DEFAULT 1,
      open_time DATETIME(3) NOT NULL,
      last_time DATETIME(3) NOT NULL,
      resolve_time DATETIME(3) NULL,
      resolution VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
      open_key VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin
        GENERATED ALWAYS AS (CASE WHEN resolve_time IS NULL THEN CONCAT(kind, ':', subject_type, ':', subject_id) END) STORED,
      PRIMARY KEY (id),
      UNIQUE KEY uk_alerts_open (open_key),
      KEY alerts_by_open (resolve_time, open_time),
      KEY alerts_by_subject (subject_type, subject_id),
      CONSTRAINT alerts_severity_known CHECK (severity IN ('warning', 'critical')),
      CONSTRAINT alerts_details_json CHECK (JSON_VALID(details)),
      CONSTRAINT alerts_occurrences CHECK (occurrences > 0),
      CONSTRAINT alerts_resolution CHECK ((resolve_time IS NULL) = (resolution = ''))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'alerts', {
    always: ['id', 'kind', 'severity', 'subject_type', 'subject_id', 'user_id', 'open_time'],
    onceSet: ['resolve_time'],
    refuseWhen: [{ condition: 'OLD.resolve_time IS NOT NULL', message: 'a resolved alert stays as it is' }],
  });
}
