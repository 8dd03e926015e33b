import type { Knex } from 'knex';
import { refuseUpdateWhen } from './triggers';

/**
 * What goes out to subscribers and people, one row for each event and sink, with what became of it; and how often each sink
 * was tried within the minute. Ended deliveries may be deleted when their time is over: they are a diagnosis, no history.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS event_deliveries (
      id BIGINT NOT NULL AUTO_INCREMENT,
      sink VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      event_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      outbox_id BIGINT NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      attempts INT NOT NULL,
      next_attempt_time DATETIME(3) NULL,
      last_error VARCHAR(256) NOT NULL DEFAULT '',
      create_time DATETIME(3) NOT NULL,
      end_time DATETIME(3) NULL,
      PRIMARY KEY (id),
      UNIQUE KEY event_deliveries_once (sink, event_id),
      KEY event_deliveries_due (state, next_attempt_time),
      KEY event_deliveries_line (sink, user_id, state, id),
      KEY event_deliveries_ended (end_time),
      CONSTRAINT event_deliveries_state CHECK (state IN ('pending', 'delivered', 'failed')),
      CONSTRAINT event_deliveries_due_while_pending CHECK ((state = 'pending') = (next_attempt_time IS NOT NULL)),
      CONSTRAINT event_deliveries_ended_else CHECK ((state = 'pending') = (end_time IS NULL)),
      CONSTRAINT event_deliveries_attempts CHECK (attempts >= 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  const frozen = ['id', 'sink', 'event_id', 'outbox_id', 'user_id', 'type', 'create_time'];
  await refuseUpdateWhen(knex, 'event_deliveries', {
    name: 'frozen',
    condition:
      frozen.map((column) => `NOT (OLD.${column} <=> NEW.${column})`).join(' OR ') +
      " OR (OLD.state = 'delivered' AND NEW.state <> 'delivered')",
    message: 'what is delivered never changes, nor what a delivery is of',
  });
  await knex.raw(`
    CREATE TRIGGER IF NOT EXISTS event_deliveries_delete_ended BEFORE DELETE ON event_deliveries FOR EACH ROW
    BEGIN IF OLD.state = 'pending' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'event_deliveries: this one has not ended'; END IF; END`);
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS event_sinks (
      name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      window_start DATETIME(3) NOT NULL,
      window_count INT NOT NULL,
      PRIMARY KEY (name),
      CONSTRAINT event_sinks_count CHECK (window_count >= 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
}
