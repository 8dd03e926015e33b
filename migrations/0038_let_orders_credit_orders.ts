import type { Knex } from 'knex';
import { hasCheck, hasColumn } from './schema-facts';
import { appendOnly, refuseInsertWhen, refuseUpdateWhen } from './triggers';

const COLUMNS: Readonly<Record<string, string>> = {
  kind: "VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'purchase'",
  credit_amount: 'BIGINT NOT NULL DEFAULT 0',
};

const CHECKS: Readonly<Record<string, string>> = {
  orders_kind_known: "kind IN ('purchase', 'upgrade')",
  orders_credit: `credit_amount >= 0 AND original_amount + credit_amount <= list_amount
    AND (kind = 'upgrade' OR credit_amount = 0) AND (kind <> 'upgrade' OR original_amount > 0)`,
};

/** What upgrades that were paid, and not refunded in full, credit of an order; `other` narrows which. */
const creditedBy = (order: string, other = 'TRUE'): string => `(
  SELECT COALESCE(SUM(x.amount), 0) FROM order_credits x JOIN orders u ON u.id = x.order_id
  WHERE x.credited_order_id = ${order} AND ${other} AND (u.status = 'paid' OR (u.status = 'refunded' AND EXISTS (
    SELECT 1 FROM order_credits y JOIN orders v ON v.id = y.order_id
    WHERE y.credited_order_id = u.id AND v.status = 'paid'))))`;

/** What of an order's own payment went back or is on its way. */
const takenOf = (order: string): string => `(
  SELECT COALESCE(SUM(r.amount), 0) FROM refunds r JOIN payments p ON p.id = r.payment_id
  WHERE r.order_id = ${order} AND p.status = 'applied' AND r.status NOT IN ('closed', 'failed'))`;

/**
 * Upgrades: an order of that kind replaces the user's standing periods, and credits what is left of them. `order_credits` says of
 * which orders how much, and how many units were counted as unspent; `refunded_amount` is what of the credited order had gone
 * back by then: when more went back since, the upgrade is void. No fen is credited twice, or credited and refunded; what
 * somebody refunds in the merchant portal is a fact all the same.
 */
export async function up(knex: Knex): Promise<void> {
  for (const [name, definition] of Object.entries(COLUMNS)) {
    if (await hasColumn(knex, 'orders', name)) continue;
    await knex.raw(`ALTER TABLE orders ADD COLUMN ${name} ${definition}`);
  }
  for (const [name, condition] of Object.entries(CHECKS)) {
    if (await hasCheck(knex, 'orders', name)) continue;
    await knex.raw(`ALTER TABLE orders ADD CONSTRAINT ${name} CHECK (${condition})`);
  }
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS order_credits (
      order_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      credited_order_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      amount BIGINT NOT NULL,
      units BIGINT NOT NULL,
      refunded_amount BIGINT NOT NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (order_id, credited_order_id),
      KEY order_credits_by_credited (credited_order_id),
      CONSTRAINT order_credits_amounts CHECK (amount >= 0 AND units >= 0 AND refunded_amount >= 0),
      CONSTRAINT order_credits_others CHECK (order_id <> credited_order_id)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await appendOnly(knex, 'order_credits');
  await refuseInsertWhen(knex, 'order_credits', {
    name: 'of_an_upgrade',
    condition: `NOT EXISTS (
        SELECT 1 FROM orders o WHERE o.id = NEW.order_id AND o.user_id = NEW.user_id AND o.kind = 'upgrade'
          AND o.status = 'created' AND NEW.amount + (
            SELECT COALESCE(SUM(c.amount), 0) FROM order_credits c WHERE c.order_id = NEW.order_id) <= o.credit_amount)
      OR NOT EXISTS (
        SELECT 1 FROM orders o WHERE o.id = NEW.credited_order_id AND o.user_id = NEW.user_id AND o.status = 'paid'
          AND NEW.amount + NEW.refunded_amount + ${creditedBy('NEW.credited_order_id')} <= o.final_amount + o.credit_amount)`,
    message: 'a new upgrade credits what is left of paid orders',
  });
  await refuseUpdateWhen(knex, 'orders', {
    name: 'kind_frozen',
    condition: 'NOT (OLD.kind <=> NEW.kind) OR NOT (OLD.credit_amount <=> NEW.credit_amount)',
    message: 'what an order is and credits is frozen',
  });
  await refuseUpdateWhen(knex, 'orders', {
    name: 'paid_with_its_credits',
    condition: `NEW.kind = 'upgrade' AND NEW.paid_time IS NOT NULL AND OLD.paid_time IS NULL AND (
      NOT EXISTS (SELECT 1 FROM order_credits c WHERE c.order_id = NEW.id)
      OR NEW.credit_amount <> (SELECT SUM(c.amount) FROM order_credits c WHERE c.order_id = NEW.id)
      OR EXISTS (SELECT 1 FROM order_credits c JOIN orders o ON o.id = c.credited_order_id
        WHERE c.order_id = NEW.id AND (o.status <> 'paid' OR c.amount + ${takenOf('o.id')}
          + ${creditedBy('o.id', 'u.id <> NEW.id')} > o.final_amount + o.credit_amount)))`,
    message: 'a paid upgrade credits what is there to be credited',
  });
  await refuseInsertWhen(knex, 'membership_periods', {
    name: 'replaces_credited',
    condition: `EXISTS (SELECT 1 FROM order_credits c JOIN membership_periods m ON m.order_id = c.credited_order_id
      WHERE c.order_id = NEW.order_id AND m.end_time > NEW.create_time AND NOT (m.replaced_by_order_id <=> NEW.order_id))`,
    message: 'an upgrade takes the place of what it credits',
  });
  await refuseInsertWhen(knex, 'refunds', {
    name: 'beside_credits',
    condition: `NEW.cause = 'requested' AND EXISTS (SELECT 1 FROM payments p WHERE p.id = NEW.payment_id AND p.status = 'applied')
      AND NEW.amount + ${takenOf('NEW.order_id')} + ${creditedBy('NEW.order_id')} > NEW.total`,
    message: 'what an upgrade credits does not go back',
  });
}
