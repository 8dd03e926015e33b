import type { Knex } from 'knex';
import { freezeColumns } from './triggers';

/**
 * What jobs must remember although Redis may be emptied: subjects that failed for good, until somebody has them run again
 * (at most one letter of a job and subject is unresolved at a time; resolved ones stay), and the days that daily jobs have
 * done.
 */
export async function up(knex: Knex): Promise<void> {
  await createDeadLetters(knex);
  await createSlots(knex);
}

async function createDeadLetters(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS job_dead_letters (
      id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      job VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      subject VARCHAR(160) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      error TEXT NOT NULL,
      attempts INT NOT NULL,
      first_time DATETIME(3) NOT NULL,
      last_time DATETIME(3) NOT NULL,
      resolve_time DATETIME(3) NULL,
      open_key VARCHAR(225) CHARACTER SET ascii COLLATE ascii_bin
        GENERATED ALWAYS AS (CASE WHEN resolve_time IS NULL THEN CONCAT(job, ':', subject) END) STORED,
      PRIMARY KEY (id),
      UNIQUE KEY uk_job_dead_letters_open (open_key),
      KEY job_dead_letters_by_job (job, resolve_time),
      CONSTRAINT job_dead_letters_state CHECK (state IN ('open', 'rerun', 'resolved')),
      CONSTRAINT job_dead_letters_resolved CHECK ((state = 'resolved') = (resolve_time IS NOT NULL)),
      CONSTRAINT job_dead_letters_attempts CHECK (attempts > 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'job_dead_letters', {
    always: ['id', 'job', 'subject', 'first_time'],
    onceSet: ['resolve_time'],
    refuseWhen: [{ condition: 'OLD.resolve_time IS NOT NULL', message: 'a resolved letter stays as it is' }],
  });
}

async function createSlots(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS job_slots (
      job VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      slot VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      attempts INT NOT NULL,
      start_time DATETIME(3) NOT NULL,
      lease_time DATETIME(3) NOT NULL,
      end_time DATETIME(3) NULL,
      PRIMARY KEY (job, slot),
      CONSTRAINT job_slots_attempts CHECK (attempts > 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'job_slots', {
    always: ['job', 'slot', 'start_time'],
    onceSet: ['end_time'],
    refuseWhen: [{ condition: 'OLD.end_time IS NOT NULL', message: 'a slot that is done is done' }],
  });
}
