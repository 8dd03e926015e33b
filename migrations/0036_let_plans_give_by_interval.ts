import type { Knex } from 'knex';
import { hasCheck, hasColumn } from './schema-facts';
import { refuseInsertWhen, refuseUpdateWhen } from './triggers';

const COLUMNS: Readonly<Record<string, string>> = {
  grant_unit: 'VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL',
  grant_count: 'INT NULL',
  feature_limits: 'TEXT NULL',
};

/** What months a unit is made of; days are made of days. */
const monthsOf = (unit: string): string => `(CASE ${unit} WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 ELSE 1 END)`;

const CHECKS: Readonly<Record<string, string>> = {
  plan_prices_period_units: "period_unit IN ('day', 'month', 'quarter', 'year') AND period_count > 0",
  // An interval counts in what the period counts in, and divides it. NULL would let anything pass: both are asked for first.
  plan_prices_grant_interval: `(grant_unit IS NULL AND grant_count IS NULL)
    OR (grant_unit IS NOT NULL AND grant_count IS NOT NULL AND grant_count > 0
      AND grant_unit IN ('day', 'month', 'quarter', 'year')
      AND (grant_unit = 'day') = (period_unit = 'day')
      AND MOD(period_count * ${monthsOf('period_unit')}, grant_count * ${monthsOf('grant_unit')}) = 0)`,
  plan_prices_limits_json: 'feature_limits IS NULL OR JSON_VALID(feature_limits)',
};

/**
 * Price versions sell quarters and years too, give their units by an interval (grant_unit, grant_count; NULL: once for the
 * whole period), and limit features (feature_limits, JSON {feature: units of one period}; NULL: none). Versions of a plan
 * never overlap; what is sold costs something, and a basic plan costs, gives and limits nothing but features.
 */
export async function up(knex: Knex): Promise<void> {
  for (const [name, definition] of Object.entries(COLUMNS)) {
    if (!(await hasColumn(knex, 'plan_prices', name))) {
      await knex.raw(`ALTER TABLE plan_prices ADD COLUMN ${name} ${definition}`);
    }
  }
  for (const [name, condition] of Object.entries(CHECKS)) {
    if (!(await hasCheck(knex, 'plan_prices', name))) {
      await knex.raw(`ALTER TABLE plan_prices ADD CONSTRAINT ${name} CHECK (${condition})`);
    }
  }
  // It knew days and months only.
  if (await hasCheck(knex, 'plan_prices', 'plan_prices_period')) {
    await knex.raw('ALTER TABLE plan_prices DROP CONSTRAINT plan_prices_period');
  }
  await refuseUpdateWhen(knex, 'plan_prices', {
    name: 'grants_frozen',
    condition: `NOT (OLD.grant_unit <=> NEW.grant_unit) OR NOT (OLD.grant_count <=> NEW.grant_count)
      OR NOT (OLD.feature_limits <=> NEW.feature_limits)`,
    message: 'what a version gives is frozen',
  });
  await refuseInsertWhen(knex, 'plan_prices', {
    name: 'follow_each_other',
    // One of the same instant is for the unique key to refuse, or, where the seed runs again, to pass.
    condition: `EXISTS (SELECT 1 FROM plan_prices v WHERE v.plan_id = NEW.plan_id AND v.valid_from <> NEW.valid_from
      AND (v.valid_to IS NULL OR v.valid_to > NEW.valid_from))`,
    message: 'a version starts when the one before has ended',
  });
  await refuseInsertWhen(knex, 'plan_prices', {
    name: 'fits_its_plan',
    condition: `NOT EXISTS (SELECT 1 FROM plans p WHERE p.id = NEW.plan_id
      AND ((p.kind = 'sale' AND NEW.price > 0) OR (p.kind = 'basic' AND NEW.price = 0 AND NEW.list_price = 0
        AND NEW.quota_units = 0 AND NEW.grant_unit IS NULL AND NEW.feature_limits IS NULL)))`,
    message: 'a plan on sale costs something, a basic plan costs, gives and limits nothing but features',
  });
}
