import type { Knex } from 'knex';
import { hasCheck, hasColumn } from './schema-facts';
import { refuseInsertWhen, refuseUpdateWhen } from './triggers';

const UNIT = 'VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL';
const ID = 'VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL';

/** What an order sold, and its period with it: like the catalogue's columns of the same names. */
const SOLD: Readonly<Record<string, string>> = {
  grant_unit: UNIT,
  grant_count: 'INT NULL',
  feature_limits: 'TEXT NULL',
  grace_days: 'INT NOT NULL DEFAULT 0',
};

const COLUMNS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  orders: SOLD,
  membership_periods: {
    ...SOLD,
    intervals: 'INT NOT NULL DEFAULT 1',
    granted_intervals: 'INT NOT NULL DEFAULT 0',
    replaced_by_order_id: ID,
  },
};

/** What months a unit is made of; days are made of days. */
const monthsOf = (unit: string): string => `(CASE ${unit} WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 ELSE 1 END)`;

const UNITS = "('day', 'month', 'quarter', 'year')";

const CHECKS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  orders: {
    orders_period_units: `period_unit IN ${UNITS} AND period_count > 0`,
    // As the catalogue has it: an interval counts in what the period counts in, and divides it.
    orders_grant_interval: `(grant_unit IS NULL AND grant_count IS NULL)
      OR (grant_unit IS NOT NULL AND grant_count IS NOT NULL AND grant_count > 0 AND grant_unit IN ${UNITS}
        AND (grant_unit = 'day') = (period_unit = 'day')
        AND MOD(period_count * ${monthsOf('period_unit')}, grant_count * ${monthsOf('grant_unit')}) = 0)`,
    orders_limits_json: 'feature_limits IS NULL OR JSON_VALID(feature_limits)',
    orders_grace: 'grace_days >= 0',
  },
  membership_periods: {
    membership_periods_intervals: `intervals >= 1 AND granted_intervals >= 0 AND granted_intervals <= intervals
      AND (next_grant_time IS NULL OR granted_intervals < intervals)`,
    membership_periods_grant_interval:
      '(grant_unit IS NULL) = (grant_count IS NULL) AND (grant_unit IS NOT NULL OR intervals = 1)',
    membership_periods_limits_json: 'feature_limits IS NULL OR JSON_VALID(feature_limits)',
    membership_periods_grace: 'grace_days >= 0',
  },
  quota_grants: {
    quota_grants_membership_interval: "source <> 'membership' OR SUBSTRING_INDEX(source_ref, ':', 1) = order_id",
  },
};

/** CHECKs that the ones above take the place of. */
const REPLACED: Readonly<Record<string, string>> = {
  orders: 'orders_period',
  quota_grants: 'quota_grants_membership_once',
};

/** How many intervals the period of order `o` has. */
const INTERVALS = `(CASE WHEN o.grant_unit IS NULL THEN 1
  ELSE (o.period_count * ${monthsOf('o.period_unit')}) DIV (o.grant_count * ${monthsOf('o.grant_unit')}) END)`;
/** Which interval a lot says it is of; 0: none. */
const INTERVAL = `(CASE WHEN NEW.source_ref REGEXP '^[0-9A-Za-z_-]+:[1-9][0-9]{0,5}$'
  THEN CAST(SUBSTRING_INDEX(NEW.source_ref, ':', -1) AS SIGNED) ELSE 0 END)`;

const differs = (column: string): string => `NOT (OLD.${column} <=> NEW.${column})`;

/**
 * Periods give their units by intervals. What an order sold of them is a copy of the catalogue (grant_unit, grant_count,
 * feature_limits) and of the setting (grace_days), frozen like the rest, and copied again to its period. `intervals`: how many
 * the period has; `granted_intervals`: how many were given, in order; of one that was given by an earlier version it stays 0.
 * `replaced_by_order_id`: the upgrade that took the period's place. A membership lot is the part of exactly one interval, and
 * nothing is given of a period that was revoked or replaced.
 */
export async function up(knex: Knex): Promise<void> {
  for (const [table, columns] of Object.entries(COLUMNS)) {
    for (const [name, definition] of Object.entries(columns)) {
      if (await hasColumn(knex, table, name)) continue;
      await knex.raw(`ALTER TABLE ${table} ADD COLUMN ${name} ${definition}`);
    }
  }
  for (const [table, checks] of Object.entries(CHECKS)) {
    for (const [name, condition] of Object.entries(checks)) {
      if (await hasCheck(knex, table, name)) continue;
      await knex.raw(`ALTER TABLE ${table} ADD CONSTRAINT ${name} CHECK (${condition})`);
    }
  }
  for (const [table, name] of Object.entries(REPLACED)) {
    if (await hasCheck(knex, table, name)) await knex.raw(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  }
  await refuseUpdateWhen(knex, 'orders', {
    name: 'grants_frozen',
    condition: Object.keys(SOLD).map(differs).join(' OR '),
    message: 'what an order sold is frozen',
  });
  await refuseUpdateWhen(knex, 'membership_periods', {
    name: 'grants_frozen',
    condition: [...Object.keys(SOLD), 'intervals'].map(differs).join(' OR '),
    message: 'what a period gives is frozen',
  });
  await refuseUpdateWhen(knex, 'membership_periods', {
    name: 'given_stays_given',
    condition: 'NEW.granted_intervals < OLD.granted_intervals',
    message: 'an interval that was given stays given',
  });
  await refuseUpdateWhen(knex, 'membership_periods', {
    name: 'replaced_stays',
    condition: `(OLD.replaced_by_order_id IS NOT NULL AND ${differs('replaced_by_order_id')})
      OR (NEW.replaced_by_order_id IS NOT NULL AND NEW.next_grant_time IS NOT NULL)
      OR (NEW.replaced_by_order_id IS NOT NULL AND OLD.replaced_by_order_id IS NULL AND NOT EXISTS (
        SELECT 1 FROM orders o WHERE o.id = NEW.replaced_by_order_id AND o.user_id = NEW.user_id
          AND o.id <> NEW.order_id AND o.paid_time IS NOT NULL))`,
    message: 'replaced once by a paid order, a period stays replaced and gives nothing more',
  });
  await refuseInsertWhen(knex, 'quota_grants', {
    name: 'interval_of_paid_order',
    condition: `NEW.source = 'membership' AND (NOT EXISTS (
        SELECT 1 FROM orders o
        WHERE o.id = NEW.order_id AND o.user_id = NEW.user_id AND o.paid_time IS NOT NULL AND o.status = 'paid'
          AND NEW.source_ref = CONCAT(o.id, ':', ${INTERVAL}) AND ${INTERVAL} BETWEEN 1 AND ${INTERVALS}
          AND NEW.amount = o.quota_units DIV ${INTERVALS} + (${INTERVAL} <= MOD(o.quota_units, ${INTERVALS})))
      OR EXISTS (
        SELECT 1 FROM membership_periods m
        WHERE m.order_id = NEW.order_id AND (m.revoke_time IS NOT NULL OR m.replaced_by_order_id IS NOT NULL)))`,
    message: 'a membership lot is one interval of its paid order',
  });
  // It let one lot be given, of all units.
  await knex.raw('DROP TRIGGER IF EXISTS quota_grants_paid_order');
}
