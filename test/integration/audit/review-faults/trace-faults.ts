import { rechain } from '../../../support/forged-log';
import { readInfra } from '../../../support/infra';
import type { Fault } from '../../../support/review-faults';

const { app } = readInfra().accounts;

/** Times, requests, cases, notices and personal data that do not agree with what they are of: must show 1 of the audit's issue. */
export const TRACE_FAULTS: readonly Fault[] = [
  {
    what: 'a row of the log is made one that nobody can read',
    check: 'chain-broken',
    tables: ['quota_logs'],
    plant: async ({ one, change }) => {
      const { user_id: userId } = await one("SELECT user_id FROM quota_logs WHERE type = 'CONSUME'");
      await change("UPDATE quota_logs SET lots = '{}' WHERE user_id = ? AND sequence = 1", [userId]);
      return { user_id: String(userId), sequence: 1, problem: 'can not be read' };
    },
  },
  {
    what: 'a row of the log is dated back, and re-chained',
    check: 'chain-broken',
    tables: ['quota_logs', 'users'],
    plant: async (insider) => {
      const { user_id: id } = await insider.one("SELECT user_id FROM quota_logs WHERE type = 'CONSUME'");
      const userId = String(id);
      const createTime = new Date('2020-01-01T00:00:00.000Z');
      await rechain(insider, userId, (rows) => rows.map((row) => (row.sequence === 2 ? { ...row, createTime } : row)));
      return { user_id: userId, sequence: 2, problem: 'is older than the row before it' };
    },
  },
  {
    what: 'an account names another time of its last row',
    check: 'chain-broken',
    tables: ['users'],
    plant: async ({ one, change }) => {
      const { id } = await one('SELECT id FROM users WHERE log_sequence > 1');
      await change('UPDATE users SET log_time = log_time + INTERVAL 1 HOUR WHERE id = ?', [id]);
      return { user_id: String(id), problem: 'the account names another time of the last row than the log has' };
    },
  },
  {
    what: 'a paid order is said to wait for its money',
    check: 'paid-order-not-marked-paid',
    tables: ['orders'],
    plant: async ({ one, change }) => {
      const { id } = await one("SELECT id FROM orders WHERE status = 'paid' AND coupon_id IS NULL");
      await change("UPDATE orders SET status = 'pending' WHERE id = ?", [id]);
      return { order_id: String(id), status: 'pending' };
    },
  },
  {
    what: 'an order was cheaper than it was, with its payment and all that it is computed from',
    check: 'row-differs-from-audit-log',
    tables: ['orders', 'payments', 'plan_prices', 'wechatpay_notifications'],
    plant: async ({ one, change }) => {
      const sql =
        "SELECT id, plan_price_id, final_amount, transaction_id FROM orders WHERE status = 'paid' AND discount_amount = 0";
      const order = await one(`${sql} AND kind = 'purchase' AND refunded_amount = 0`);
      const [id, amount] = [String(order['id']), Number(order['final_amount'])];
      await change(
        `UPDATE orders SET list_amount = list_amount - 100, original_amount = original_amount - 100,
         final_amount = final_amount - 100, net_amount = net_amount - 100 WHERE id = ?`,
        [id],
      );
      await change('UPDATE payments SET amount = amount - 100 WHERE order_id = ?', [id]);
      await change('UPDATE plan_prices SET price = price - 100, list_price = list_price - 100 WHERE id = ?', [
        order['plan_price_id'],
      ]);
      await change(
        "UPDATE wechatpay_notifications SET content = JSON_SET(content, '$.amountTotal', ?) WHERE order_id = ?",
        [...[amount - 100, id]],
      );
      return { kind: 'order', subject: id, amount: amount - 100, audited_amount: String(amount) };
    },
  },
  {
    what: 'the content of a callback about a refund is altered',
    check: 'refund-differs-from-callback',
    tables: ['wechatpay_notifications'],
    plant: async ({ one, change }) => {
      const { id } = await one(
        "SELECT id FROM wechatpay_notifications WHERE event_type = 'REFUND.SUCCESS' AND status = 'applied'",
      );
      await change(
        "UPDATE wechatpay_notifications SET content = JSON_SET(content, '$.refund.amount', 1) WHERE id = ?",
        [id],
      );
      return { notification_id: String(id), told_amount: '1' };
    },
  },
  {
    what: 'a callback was refused and nobody was told',
    check: 'refused-callback-untold',
    tables: ['wechatpay_notifications', 'alerts'],
    plant: async ({ one, change }) => {
      await change(
        `INSERT INTO alerts (id, kind, severity, subject_type, subject_id, details, open_time, last_time, resolve_time, resolution)
        VALUES ('first', 'order_stuck', 'warning', 'order', 'an-order', '{}', '2020-01-01', '2020-01-01', '2020-01-02', 'paid')`,
      );
      const { id } = await one("SELECT id FROM wechatpay_notifications WHERE event_type = 'TRANSACTION.SUCCESS'");
      await change("UPDATE wechatpay_notifications SET status = 'refused', reason = 'amount_mismatch' WHERE id = ?", [
        id,
      ]);
      return { problem: 'refused without an alert', subject: String(id) };
    },
  },
  {
    what: 'a warning is open',
    check: 'warnings-open',
    tables: ['alerts'],
    plant: async ({ change }) => {
      await change(
        `INSERT INTO alerts (id, kind, severity, subject_type, subject_id, details, open_time, last_time)
        VALUES ('warning', 'order_stuck', 'warning', 'order', 'an-order', '{}', '2026-01-01', '2026-01-01')`,
      );
      return { alert_id: 'warning', kind: 'order_stuck' };
    },
  },
  {
    what: 'a case is open of a charge that was settled',
    check: 'case-disagrees-with-charge',
    tables: ['settlement_cases'],
    plant: async ({ one, change }) => {
      const charge = await one("SELECT user_id, sequence FROM quota_charges WHERE task_id <> '' AND state = 'settled'");
      await change(
        `INSERT INTO settlement_cases (user_id, sequence, task_id, kind, units, reason, open_time)
        SELECT user_id, sequence, task_id, kind, units, 'unknown', '2026-01-01' FROM quota_charges WHERE user_id = ? AND sequence = ?`,
        [charge['user_id'], charge['sequence']],
      );
      return { user_id: String(charge['user_id']), sequence: Number(charge['sequence']) };
    },
  },
  {
    what: 'a request is said to have made an order that is not there',
    check: 'request-used-twice',
    tables: ['request_keys'],
    plant: async ({ change }) => {
      await change(
        `INSERT INTO request_keys (owner, service, request_id, kind, content_hash, response, create_time)
        SELECT CONCAT('user:', id), 'OrderService', 'forged', 'CreateOrder', log_hash, '{"orderId":"none"}', create_time
        FROM users LIMIT 1`,
      );
      return { request_id: 'forged' };
    },
  },
  {
    what: 'who pays is kept of an order of which nobody has to know',
    check: 'payer-kept-wrongly',
    tables: ['order_payers'],
    plant: async ({ one, change }) => {
      const { id } = await one("SELECT id FROM orders WHERE channel = 'native'");
      await change(
        'INSERT INTO order_payers (order_id, sealed_payer, create_time) SELECT ?, sealed_payer, create_time FROM order_payers LIMIT 1',
        [id],
      );
      return { order_id: String(id) };
    },
  },
  {
    what: 'a grant more is counted than was given',
    check: 'registration-count-wrong',
    tables: ['registration_grant_days'],
    plant: async ({ one, change }) => {
      const { caller } = await one('SELECT caller FROM registration_grant_days');
      await change('UPDATE registration_grant_days SET granted = granted + 1');
      return { caller: String(caller) };
    },
  },
  {
    what: 'a notice is of an end that no membership has',
    check: 'membership-notice-wrong',
    tables: ['membership_notices'],
    plant: async ({ one, change }) => {
      const { user_id: userId } = await one('SELECT user_id FROM membership_notices WHERE expire_time IS NOT NULL');
      await change('UPDATE membership_notices SET expire_time = expire_time + INTERVAL 1 SECOND WHERE user_id = ?', [
        userId,
      ]);
      return { user_id: String(userId), problem: 'notice of an end that no period has' };
    },
  },
  {
    what: 'an audit row is given the role of somebody else',
    check: 'audit-row-wrong',
    tables: ['audit_logs'],
    plant: async ({ one, change }) => {
      const { id } = await one("SELECT id FROM audit_logs WHERE action = 'CreateOrder'");
      await change("UPDATE audit_logs SET role = 'operations' WHERE id = ?", [id]);
      return { subject: String(id) };
    },
  },
  {
    what: 'who proposed an erasure approved it himself',
    check: 'erasure-without-second-person',
    tables: ['user_erasures'],
    plant: async ({ change }) => {
      await change(
        `INSERT INTO user_erasures (id, user_id, reason, state, requested_by, decided_by, create_time, decide_time, start_time)
        SELECT 'forged', id, 'asked', 'running', 'spiffe://billing/operations/one', 'spiffe://billing/finance/one',
          create_time, create_time, create_time FROM users LIMIT 1`,
      );
      return { problem: 'erasure that nobody else approved', subject: 'forged' };
    },
  },
  {
    what: 'the constraint is dropped that keeps stock from being over-issued',
    check: 'schema-stock-checks',
    tables: [],
    plant: async ({ rows }) => {
      await rows('ALTER TABLE promotions DROP CONSTRAINT promotions_stock');
      return { table: 'promotions', check: 'promotions_stock', problem: 'missing' };
    },
    undo: async ({ rows }) => {
      const stock = 'total_quota > 0 AND claimed_count >= 0 AND claimed_count <= total_quota';
      await rows(`ALTER TABLE promotions ADD CONSTRAINT promotions_stock CHECK (${stock})`);
    },
  },
  {
    what: 'a table is made one without row locks',
    check: 'schema-row-locks',
    tables: [],
    plant: async ({ rows }) => {
      await rows('ALTER TABLE user_coupons ENGINE=Aria');
      return { table: 'user_coupons', engine: 'Aria' };
    },
    undo: async ({ rows }) => {
      await rows('ALTER TABLE user_coupons ENGINE=InnoDB');
    },
  },
  {
    what: 'a table is there that nobody reviewed',
    check: 'schema-tables',
    tables: [],
    plant: async ({ rows }) => {
      await rows('CREATE TABLE aside (user_id VARCHAR(64) PRIMARY KEY)');
      return { table: 'aside', problem: 'not in the reviewed schema' };
    },
    undo: async ({ rows }) => {
      await rows('DROP TABLE aside');
    },
  },
  {
    what: 'the serving account lacks what it needs',
    check: 'privileges-missing',
    tables: [],
    plant: async ({ rows }) => {
      await rows(`REVOKE INSERT ON alerts FROM '${app.user}'@'%'`);
      return { account: app.user, right: 'INSERT alerts' };
    },
    undo: async ({ rows }) => {
      await rows(`GRANT INSERT ON alerts TO '${app.user}'@'%'`);
    },
  },
];
