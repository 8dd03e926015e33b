import type { Knex } from 'knex';
import { hasColumn, hasIndex } from './schema-facts';
import { refuseUpdateWhen, setOnInsert } from './triggers';

const COLUMNS: Readonly<Record<string, string>> = {
  close_reason: 'VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL',
  closing_time: 'DATETIME(3) NULL',
  prepay_deadline: 'DATETIME(3) NULL',
  next_check_time: 'DATETIME(3) NULL',
  check_attempts: 'INT NOT NULL DEFAULT 0',
  invoice_reference: 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL',
};

/**
 * Orders that end unpaid. `closing_time`: when closing began. `prepay_deadline`: until then a prepay that was sent may
 * still arrive; NULL: there is nothing to pay. `next_check_time`: when WeChat Pay is asked about the order next; NULL: nothing
 * is left to find out. Orders that earlier versions left open are asked about at once, those that a process of an earlier
 * version still makes when they expire.
 */
export async function up(knex: Knex): Promise<void> {
  for (const [name, definition] of Object.entries(COLUMNS)) {
    if (!(await hasColumn(knex, 'orders', name))) {
      await knex.raw(`ALTER TABLE orders ADD COLUMN ${name} ${definition}`);
    }
  }
  if (!(await hasIndex(knex, 'orders', 'orders_by_next_check'))) {
    await knex.raw('ALTER TABLE orders ADD INDEX orders_by_next_check (next_check_time)');
  }
  await knex.raw(`
    UPDATE orders SET next_check_time = create_time, prepay_deadline = create_time
    WHERE status IN ('created', 'pending') AND next_check_time IS NULL AND prepay_deadline IS NULL`);
  await setOnInsert(knex, 'orders', {
    name: 'are_asked_about',
    condition: 'NEW.final_amount > 0 AND NEW.prepay_deadline IS NULL',
    set: 'NEW.prepay_deadline = NEW.create_time, NEW.next_check_time = NEW.expire_time',
  });
  await refuseUpdateWhen(knex, 'orders', {
    name: 'close_reason_frozen',
    condition: `(OLD.close_reason IS NOT NULL AND NOT (OLD.close_reason <=> NEW.close_reason))
      OR (OLD.closing_time IS NOT NULL AND NOT (OLD.closing_time <=> NEW.closing_time))
      OR (NEW.prepay_deadline IS NULL AND OLD.prepay_deadline IS NOT NULL)`,
    message: 'why an order was closed is said once, and a prepay that was sent stays sent',
  });
}
