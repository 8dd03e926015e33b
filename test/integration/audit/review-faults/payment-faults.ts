import type { Fault } from '../../../support/review-faults';

const A_PAID_ORDER = `SELECT o.id, o.user_id, o.final_amount, o.transaction_id, p.id AS payment_id FROM orders o
  JOIN payments p ON p.order_id = o.id AND p.status = 'applied'
  WHERE o.status = 'paid' AND o.final_amount > 0 AND o.coupon_id IS NULL AND o.refunded_amount = 0`;
const AN_UNPAID_ORDER = "SELECT id, user_id, final_amount FROM orders WHERE status = 'pending' AND coupon_id IS NULL";

/** Money that came, went back, or was only said to: must show 1 of the audit's issue (R4.3, R10.3, R11.1). */
export const PAYMENT_FAULTS: readonly Fault[] = [
  {
    what: 'the amount of a payment is altered',
    check: 'paid-order-without-payment',
    tables: ['payments'],
    plant: async ({ one, change }) => {
      const order = await one(A_PAID_ORDER);
      await change('UPDATE payments SET amount = amount - 1 WHERE id = ?', [order['payment_id']]);
      return { order_id: String(order['id']), paid_amount: String(Number(order['final_amount']) - 1) };
    },
  },
  {
    what: 'the payment of a paid order is deleted',
    check: 'paid-order-without-payment',
    tables: ['payments'],
    plant: async ({ one, change }) => {
      const order = await one(A_PAID_ORDER);
      await change('DELETE FROM payments WHERE id = ?', [order['payment_id']]);
      return { order_id: String(order['id']), payments: 0 };
    },
  },
  {
    what: 'an order is made paid by hand, without money',
    check: 'paid-order-without-payment',
    tables: ['orders'],
    plant: async ({ one, change }) => {
      const order = await one(AN_UNPAID_ORDER);
      await change(
        "UPDATE orders SET status = 'paid', paid_time = create_time, apply_time = create_time, transaction_id = 'forged', next_check_time = NULL WHERE id = ?",
        [order['id']],
      );
      return { order_id: String(order['id']), payments: 0 };
    },
  },
  {
    what: 'a payment is forged and pays an order, with everything that must agree',
    check: 'payment-unverified',
    tables: ['orders', 'payments'],
    plant: async ({ one, change }) => {
      const order = await one(AN_UNPAID_ORDER);
      await change(
        "UPDATE orders SET status = 'paid', paid_time = create_time, apply_time = create_time, transaction_id = 'forged', next_check_time = NULL WHERE id = ?",
        [order['id']],
      );
      await change(
        `INSERT INTO payments (id, order_id, user_id, method, status, transaction_id, amount, currency, success_time, create_time)
        SELECT 'forged', id, user_id, 'wechatpay', 'applied', 'forged', final_amount, currency, create_time, create_time
        FROM orders WHERE id = ?`,
        [order['id']],
      );
      return { subject: 'forged', order_id: String(order['id']) };
    },
  },
  {
    what: 'a callback that nobody signed is put into the inbox',
    check: 'callback-without-signature',
    tables: ['wechatpay_notifications'],
    plant: async ({ change }) => {
      await change(
        `INSERT INTO wechatpay_notifications (id, event_type, subject_id, notification_id, content, status, create_time, apply_time)
        SELECT 'forged', event_type, 'forged', 'EV-forged', content, status, create_time, apply_time FROM wechatpay_notifications
        WHERE event_type = 'TRANSACTION.SUCCESS' AND status = 'applied' LIMIT 1`,
      );
      return { notification_id: 'forged', subject_id: 'forged' };
    },
  },
  {
    what: 'the signed original of a callback is destroyed',
    check: 'callback-without-signature',
    tables: ['wechatpay_notification_bodies'],
    plant: async ({ one, change }) => {
      const { inbox_id: id } = await one('SELECT inbox_id FROM wechatpay_notification_bodies');
      await change('DELETE FROM wechatpay_notification_bodies WHERE inbox_id = ?', [id]);
      return { notification_id: String(id) };
    },
  },
  {
    what: 'the sealed original of a callback is overwritten with what nobody sealed',
    check: 'callback-differs-from-original',
    tables: ['wechatpay_notification_bodies'],
    count: 1,
    plant: async ({ one, change }) => {
      const body = await one('SELECT id, inbox_id FROM wechatpay_notification_bodies');
      await change(
        "UPDATE wechatpay_notification_bodies SET sealed_body = CONCAT(X'01', RANDOM_BYTES(200)) WHERE id = ?",
        [body['id']],
      );
      return { notification_id: String(body['inbox_id']), problem: 'does not open with the data keys' };
    },
  },
  {
    what: 'the original of one callback is put in the place of another',
    check: 'callback-differs-from-original',
    tables: ['wechatpay_notification_bodies'],
    count: 1,
    plant: async ({ rows, change }) => {
      const [first, second] = await rows(
        'SELECT id, inbox_id, sealed_body FROM wechatpay_notification_bodies ORDER BY id',
      );
      await change('UPDATE wechatpay_notification_bodies SET sealed_body = ? WHERE id = ?', [
        first?.['sealed_body'],
        second?.['id'],
      ]);
      return { body_id: String(second?.['id']), problem: 'does not open with the data keys' };
    },
  },
  {
    what: 'a payment and the callback that told of it are altered alike',
    check: 'callback-differs-from-original',
    tables: ['wechatpay_notifications', 'payments', 'orders'],
    count: 1,
    plant: async ({ one, change }) => {
      const paid = await one(A_PAID_ORDER);
      const told = await one('SELECT id FROM wechatpay_notifications WHERE subject_id = ?', [paid['transaction_id']]);
      await change(
        "UPDATE wechatpay_notifications SET content = JSON_SET(content, '$.amountTotal', JSON_VALUE(content, '$.amountTotal') + 100) WHERE id = ?",
        [told['id']],
      );
      await change('UPDATE payments SET amount = amount + 100 WHERE id = ?', [paid['payment_id']]);
      await change('UPDATE orders SET final_amount = final_amount + 100 WHERE id = ?', [paid['id']]);
      return { notification_id: String(told['id']), problem: 'tells something else than the inbox' };
    },
  },
  {
    what: 'the content of a callback is altered',
    check: 'payment-differs-from-callback',
    tables: ['wechatpay_notifications'],
    plant: async ({ one, change }) => {
      const told = await one(
        "SELECT id, subject_id FROM wechatpay_notifications WHERE event_type = 'TRANSACTION.SUCCESS' AND status = 'applied'",
      );
      await change("UPDATE wechatpay_notifications SET content = JSON_SET(content, '$.amountTotal', 1) WHERE id = ?", [
        told['id'],
      ]);
      return { notification_id: String(told['id']), told_amount: '1' };
    },
  },
  {
    what: 'a transaction of WeChat Pay pays two orders, for which the unique key was taken away',
    check: 'transaction-recorded-twice',
    tables: ['payments'],
    plant: async ({ one, rows, change }) => {
      const paid = await one(A_PAID_ORDER);
      const other = await one(AN_UNPAID_ORDER);
      await rows('ALTER TABLE payments DROP INDEX uk_payments_transaction');
      await change(
        `INSERT INTO payments (id, order_id, user_id, method, status, transaction_id, amount, currency, success_time, create_time)
        SELECT 'again', ?, ?, method, status, transaction_id, amount, currency, success_time, create_time FROM payments WHERE id = ?`,
        [other['id'], other['user_id'], paid['payment_id']],
      );
      return { transaction_id: String(paid['transaction_id']), payments: 2 };
    },
    undo: async ({ rows }) => {
      await rows("DELETE FROM payments WHERE id = 'again'");
      await rows('ALTER TABLE payments ADD UNIQUE KEY uk_payments_transaction (transaction_id)');
    },
  },
  {
    what: 'money came that no order awaited, and is kept quiet',
    check: 'money-left-lying',
    tables: ['payments'],
    plant: async ({ one, change }) => {
      const order = await one(AN_UNPAID_ORDER);
      await change(
        `INSERT INTO payments (id, order_id, user_id, method, status, transaction_id, amount, currency, success_time, create_time)
        SELECT 'quiet', id, user_id, 'wechatpay', 'received', 'quiet', final_amount, currency, create_time, create_time
        FROM orders WHERE id = ?`,
        [order['id']],
      );
      return { payment_id: 'quiet', order_id: String(order['id']), status: 'received' };
    },
  },
  {
    what: 'an order that waits for its money is never asked about again',
    check: 'order-forgotten',
    tables: ['orders'],
    plant: async ({ one, change }) => {
      const order = await one(AN_UNPAID_ORDER);
      await change('UPDATE orders SET next_check_time = NULL WHERE id = ?', [order['id']]);
      return { order_id: String(order['id']), status: 'pending', next_check_time: null };
    },
  },
  {
    what: 'more is refunded than was paid',
    check: 'refund-exceeds-payment',
    tables: ['refunds'],
    plant: async ({ one, change }) => {
      const refund = await one(
        "SELECT id, payment_id, total FROM refunds WHERE status = 'succeeded' AND amount < total",
      );
      await change(
        `INSERT INTO refunds (id, order_id, user_id, payment_id, transaction_id, cause, amount, total, currency, reason, requested_by,
          notify_url, status, refund_id, create_time, success_time, apply_time)
        SELECT 'forged', order_id, user_id, payment_id, transaction_id, cause, total, total, currency, reason, requested_by,
          notify_url, status, 'forged', create_time, success_time, apply_time FROM refunds WHERE id = ?`,
        [refund['id']],
      );
      return { payment_id: String(refund['payment_id']), amount: Number(refund['total']) };
    },
  },
  {
    what: 'an order says that money went back which did not',
    check: 'order-refund-total-wrong',
    tables: ['orders'],
    plant: async ({ one, change }) => {
      const order = await one(A_PAID_ORDER);
      await change('UPDATE orders SET refunded_amount = 100 WHERE id = ?', [order['id']]);
      return { order_id: String(order['id']), refunded_amount: 100, refunds: null };
    },
  },
  {
    what: 'a refunded order keeps its membership',
    check: 'refund-leaves-benefits',
    tables: ['membership_periods'],
    plant: async ({ one, change }) => {
      const order = await one("SELECT id FROM orders WHERE status = 'refunded'");
      await change('UPDATE membership_periods SET revoke_time = NULL WHERE order_id = ?', [order['id']]);
      return { what: 'period', subject: String(order['id']) };
    },
  },
  {
    what: 'a refund under way no longer has what it froze',
    check: 'freeze-disagrees-with-refund',
    tables: ['refunds'],
    plant: async ({ one, change }) => {
      const refund = await one("SELECT id FROM refunds WHERE status = 'processing' AND frozen_units > 0");
      await change('UPDATE refunds SET frozen_units = frozen_units + 1 WHERE id = ?', [refund['id']]);
      return { subject: String(refund['id']) };
    },
  },
  {
    what: 'the audit row of a refund is deleted',
    check: 'refund-without-trace',
    tables: ['audit_logs'],
    plant: async ({ one, change }) => {
      const refund = await one("SELECT id FROM refunds WHERE status = 'succeeded'");
      await change(
        "DELETE FROM audit_logs WHERE subject_type = 'refund' AND subject_id = ? AND action = 'MoveRefund'",
        [refund['id']],
      );
      return { subject: String(refund['id']) };
    },
  },
  {
    what: 'who asked for a great refund approved it himself',
    check: 'refund-by-one-person',
    tables: ['refunds'],
    plant: async ({ one, change }) => {
      const refund = await one("SELECT id, requested_by FROM refunds WHERE status = 'succeeded'");
      await change(
        "UPDATE refunds SET approve_deadline = create_time, decision = 'approved', decided_by = requested_by, decide_time = create_time WHERE id = ?",
        [refund['id']],
      );
      return { refund_id: String(refund['id']), decided_by: String(refund['requested_by']) };
    },
  },
  {
    what: 'a fen is credited by an upgrade though its order was refunded',
    check: 'credit-counted-twice',
    tables: ['order_credits'],
    plant: async ({ one, change }) => {
      const credit = await one('SELECT order_id FROM order_credits');
      await change('UPDATE order_credits SET amount = amount + 1 WHERE order_id = ?', [credit['order_id']]);
      return { order_id: String(credit['order_id']) };
    },
  },
  {
    what: 'the audit row by which an order was made is deleted',
    check: 'change-without-trace',
    tables: ['audit_logs'],
    plant: async ({ one, change }) => {
      const order = await one(A_PAID_ORDER);
      await change("DELETE FROM audit_logs WHERE subject_id = ? AND action = 'CreateOrder'", [order['id']]);
      return { subject: String(order['id']) };
    },
  },
  {
    what: 'an audit row is altered',
    check: 'audit-chain-broken',
    tables: ['audit_logs'],
    plant: async ({ one, change }) => {
      const row = await one('SELECT audit_id AS id FROM audit_chain ORDER BY position LIMIT 1');
      await change("UPDATE audit_logs SET actor = 'spiffe://billing/operations/nobody' WHERE id = ?", [row['id']]);
      return { audit_id: Number(row['id']) };
    },
  },
  {
    what: 'who pays is stored in clear',
    check: 'personal-data-in-clear',
    tables: ['order_payers'],
    plant: async ({ one, change }) => {
      const payer = await one('SELECT order_id FROM order_payers');
      await change("UPDATE order_payers SET sealed_payer = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' WHERE order_id = ?", [
        payer['order_id'],
      ]);
      return { table_name: 'order_payers', subject: String(payer['order_id']) };
    },
  },
];
