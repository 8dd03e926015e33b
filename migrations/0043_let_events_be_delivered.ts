import type { Knex } from 'knex';
import { hasCheck, hasColumn, hasIndex } from './schema-facts';
import { freezeColumns, refuseRowDelete, refuseUpdateWhen } from './triggers';

/**
 * Events leave the database: a row of the outbox is put into a numbered batch, once and for ever, before the batch goes to the
 * stream, so that the stream can be made again from the rows. What was put into a batch may be deleted when its time is over.
 */
export async function up(knex: Knex): Promise<void> {
  if (!(await hasColumn(knex, 'outbox', 'batch_no'))) {
    await knex.raw('ALTER TABLE outbox ADD COLUMN batch_no BIGINT NULL');
  }
  if (!(await hasCheck(knex, 'outbox', 'outbox_batch'))) {
    await knex.raw('ALTER TABLE outbox ADD CONSTRAINT outbox_batch CHECK (batch_no > 0)');
  }
  if (!(await hasIndex(knex, 'outbox', 'outbox_by_batch'))) {
    await knex.raw('CREATE INDEX outbox_by_batch ON outbox (batch_no, id)');
  }
  await refuseUpdateWhen(knex, 'outbox', {
    name: 'frozen',
    condition:
      'NOT (OLD.id <=> NEW.id) OR NOT (OLD.type <=> NEW.type) OR NOT (OLD.user_id <=> NEW.user_id) OR ' +
      'NOT (OLD.payload <=> NEW.payload) OR NOT (OLD.create_time <=> NEW.create_time) OR ' +
      '(OLD.batch_no IS NOT NULL AND NOT (OLD.batch_no <=> NEW.batch_no))',
    message: 'an event never changes, nor its batch',
  });
  await knex.raw(`
    CREATE TRIGGER IF NOT EXISTS outbox_delete_after_delivery BEFORE DELETE ON outbox FOR EACH ROW
    BEGIN IF OLD.batch_no IS NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'outbox: this event was not delivered'; END IF; END`);
  await knex.raw('DROP TRIGGER IF EXISTS outbox_no_update');
  await knex.raw('DROP TRIGGER IF EXISTS outbox_no_delete');
  await createRelay(knex);
  await createReplays(knex);
}

/** Who delivers, until when, and the last batch that was made. One row. */
async function createRelay(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS event_relay (
      name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      epoch BIGINT NOT NULL,
      lease_until DATETIME(3) NOT NULL,
      last_batch BIGINT NOT NULL,
      PRIMARY KEY (name),
      CONSTRAINT event_relay_numbers CHECK (epoch >= 0 AND last_batch >= 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await refuseUpdateWhen(knex, 'event_relay', {
    name: 'only_forward',
    condition: 'NOT (OLD.name <=> NEW.name) OR NEW.epoch < OLD.epoch OR NEW.last_batch < OLD.last_batch',
    message: 'epochs and batches only grow',
  });
  await refuseRowDelete(knex, 'event_relay');
}

/** What operations had delivered again. */
async function createReplays(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS event_replays (
      id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      requested_by VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      from_event BIGINT NOT NULL,
      from_batch BIGINT NOT NULL,
      to_batch BIGINT NOT NULL,
      state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      create_time DATETIME(3) NOT NULL,
      start_time DATETIME(3) NULL,
      end_time DATETIME(3) NULL,
      PRIMARY KEY (id),
      KEY event_replays_by_state (state, create_time),
      CONSTRAINT event_replays_state CHECK (state IN ('requested', 'running', 'done')),
      CONSTRAINT event_replays_batches CHECK (from_batch > 0 AND to_batch >= 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await freezeColumns(knex, 'event_replays', {
    always: ['id', 'requested_by', 'from_event', 'from_batch', 'to_batch', 'create_time'],
    onceSet: ['start_time', 'end_time'],
  });
}
