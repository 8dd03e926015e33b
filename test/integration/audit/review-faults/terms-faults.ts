import type { Fault } from '../../../support/review-faults';

const CHECK = 'terms-differ-from-audit-log';

/** Where discounts, prices, tariffs and gifts come from, changed beside the service: must show 1 of the audit's issue. */
export const TERMS_FAULTS: readonly Fault[] = [
  {
    what: 'the stock of a promotion is raised',
    check: CHECK,
    tables: ['promotions'],
    plant: async ({ one, change }) => {
      const { id, total_quota: stock } = await one("SELECT id, total_quota FROM promotions WHERE status = 'active'");
      await change('UPDATE promotions SET total_quota = total_quota + 1 WHERE id = ?', [id]);
      const [stored, audited] = [String(Number(stock) + 1), String(stock)];
      return { kind: 'promotion', subject: String(id), field: 'total_quota', stored, audited };
    },
  },
  {
    what: 'a promotion forgets who made it, so that who did may activate it',
    check: CHECK,
    tables: ['promotions', 'audit_logs'],
    plant: async ({ one, change }) => {
      const { id } = await one("SELECT id FROM promotions WHERE status = 'active'");
      await change(
        `UPDATE audit_logs SET before_state = JSON_SET(before_state, '$.editors', JSON_ARRAY())
        WHERE subject_type = 'promotion' AND subject_id = ? AND action = 'SetPromotionStatus'`,
        [id],
      );
      const problem = 'was changed without an audit row';
      return { kind: 'promotion', subject: String(id), field: 'editors', found: '[]', problem };
    },
  },
  {
    what: 'a plan is sold for a fen',
    check: CHECK,
    tables: ['plan_prices'],
    plant: async ({ one, change }) => {
      await change("UPDATE plan_prices SET valid_to = '2026-02-01' WHERE plan_id = 'monthly'");
      await change(
        `INSERT INTO plan_prices (plan_id, list_price, price, currency, period_unit, period_count, quota_units, features,
          tax_rate_basis_points, valid_from, create_time)
        SELECT plan_id, 1, 1, currency, period_unit, period_count, 1000000, features, tax_rate_basis_points, valid_to, valid_to
        FROM plan_prices WHERE plan_id = 'monthly'`,
      );
      const { id } = await one('SELECT id FROM plan_prices WHERE price = 1');
      return { kind: 'plan price', subject: Number(id), problem: 'no audit row tells of it' };
    },
  },
  {
    what: 'the price that a plan began with is ended',
    check: CHECK,
    tables: ['plan_prices'],
    plant: async ({ one, change }) => {
      const { id } = await one("SELECT id FROM plan_prices WHERE plan_id = 'monthly'");
      await change("UPDATE plan_prices SET valid_to = '2026-02-01' WHERE id = ?", [id]);
      return { kind: 'plan price', subject: Number(id), field: 'valid_to', audited: 'null' };
    },
  },
  {
    what: 'a plan that nobody sells any more is given more units',
    check: CHECK,
    tables: ['plan_prices'],
    plant: async ({ one, change }) => {
      const { id, quota_units: units } = await one(
        "SELECT id, quota_units FROM plan_prices WHERE plan_id <> 'monthly' AND price > 0",
      );
      await change('UPDATE plan_prices SET quota_units = quota_units + 1 WHERE id = ?', [id]);
      return { kind: 'plan price', subject: Number(id), field: 'quota_units', audited: String(units) };
    },
  },
  {
    what: 'the first price of a plan is taken away',
    check: 'row-gone',
    tables: ['plan_prices'],
    plant: async ({ one, change }) => {
      const { id, plan_id: plan } = await one(
        "SELECT id, plan_id FROM plan_prices WHERE plan_id <> 'monthly' AND price > 0",
      );
      await change('DELETE FROM plan_prices WHERE id = ?', [id]);
      return { action: 'CreatePlan', subject: String(plan) };
    },
  },
  {
    what: 'a task is made to cost one unit',
    check: CHECK,
    tables: ['task_tariffs'],
    plant: async ({ one, change }) => {
      await change(
        `INSERT INTO task_tariffs (task_type, units, feature, valid_from, create_time)
        SELECT task_type, 1, feature, valid_from + INTERVAL 1 DAY, create_time FROM task_tariffs LIMIT 1`,
      );
      const { id } = await one('SELECT id FROM task_tariffs WHERE units = 1');
      return { kind: 'task tariff', subject: Number(id), problem: 'no audit row tells of it' };
    },
  },
  {
    what: 'the budget of a campaign that two people agreed to is raised',
    check: CHECK,
    tables: ['gift_campaigns'],
    plant: async ({ one, change }) => {
      const { id } = await one("SELECT id FROM gift_campaigns WHERE status = 'active'");
      await change('UPDATE gift_campaigns SET budget_units = 9999 WHERE id = ?', [id]);
      return { kind: 'gift campaign', subject: String(id), field: 'budget_units', stored: '9999' };
    },
  },
];
