import type { Fault } from '../../../support/review-faults';

/** A membership that nothing has ended sooner, and that is the user's last. */
const A_WHOLE_PERIOD = `SELECT m.user_id, m.period_no, m.order_id, m.end_time, JSON_VALUE(a.after_state, '$.period.endTime') AS sold
  FROM membership_periods m
  JOIN audit_logs a ON a.subject_type = 'order' AND a.subject_id = m.order_id AND a.action = 'MarkOrderPaid'
  WHERE m.revoke_time IS NULL AND m.replaced_by_order_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = m.order_id)
    AND NOT EXISTS (SELECT 1 FROM membership_periods l WHERE l.user_id = m.user_id AND l.period_no > m.period_no)`;

/** What the audit log tells of and nothing else does: rows that are gone, and times of which no sum depends. */
export const AUDIT_LOG_FAULTS: readonly Fault[] = [
  {
    what: 'an unpaid order is deleted, with what its request came to',
    check: 'row-gone',
    tables: ['orders', 'request_keys'],
    count: 1,
    plant: async ({ one, change }) => {
      const { id } = await one(
        "SELECT id FROM orders WHERE status = 'pending' AND coupon_id IS NULL AND channel = 'native'",
      );
      await change('DELETE FROM orders WHERE id = ?', [id]);
      await change("DELETE FROM request_keys WHERE kind = 'CreateOrder' AND JSON_VALUE(response, '$.orderId') = ?", [
        id,
      ]);
      return { action: 'CreateOrder', subject: String(id) };
    },
  },
  {
    what: 'an unused coupon is deleted, and counted no more',
    check: 'row-gone',
    tables: ['user_coupons', 'promotions'],
    count: 1,
    plant: async ({ one, change }) => {
      const coupon = await one("SELECT id, promotion_id, user_id FROM user_coupons WHERE status = 'unused'");
      await change('DELETE FROM user_coupons WHERE id = ?', [coupon['id']]);
      await change('UPDATE promotions SET claimed_count = claimed_count - 1 WHERE id = ?', [coupon['promotion_id']]);
      return { action: 'ClaimCoupon', subject: String(coupon['id']), user_id: String(coupon['user_id']) };
    },
  },
  {
    what: 'money that came twice is deleted, with its refund and all that told of them',
    check: 'row-gone',
    tables: ['payments', 'refunds', 'wechatpay_notifications', 'wechatpay_notification_bodies'],
    count: 2,
    plant: async ({ one, change, rows }) => {
      const refund = await one("SELECT id, payment_id, transaction_id FROM refunds WHERE cause = 'automatic'");
      const { order_id: orderId } = await one('SELECT order_id FROM payments WHERE id = ?', [refund['payment_id']]);
      await rows(
        `DELETE b, n FROM wechatpay_notifications n LEFT JOIN wechatpay_notification_bodies b ON b.inbox_id = n.id
        WHERE JSON_VALUE(n.content, '$.transactionId') = ? OR JSON_VALUE(n.content, '$.refund.transactionId') = ?`,
        [refund['transaction_id'], refund['transaction_id']],
      );
      await change('DELETE FROM refunds WHERE id = ?', [refund['id']]);
      await change('DELETE FROM payments WHERE id = ?', [refund['payment_id']]);
      return { action: 'ReceiveUnawaitedPayment', subject: String(orderId) };
    },
  },
  {
    what: 'a campaign that nobody agreed to is deleted',
    check: 'row-gone',
    tables: ['gift_campaigns'],
    count: 1,
    plant: async ({ one, change }) => {
      const { id } = await one("SELECT id FROM gift_campaigns WHERE status = 'draft'");
      await change('DELETE FROM gift_campaigns WHERE id = ?', [id]);
      return { action: 'CreateGiftCampaign', subject: String(id) };
    },
  },
  {
    what: 'a membership is made ten years longer, wherever its end stands',
    check: 'period-differs-from-audit-log',
    tables: ['membership_periods', 'users', 'membership_notices'],
    count: 1,
    plant: async ({ one, change, rows }) => {
      const period = await one(A_WHOLE_PERIOD);
      const { user_id: userId, order_id: orderId, sold } = period;
      await change(
        'UPDATE membership_periods SET end_time = end_time + INTERVAL 10 YEAR WHERE user_id = ? AND period_no = ?',
        [userId, period['period_no']],
      );
      const later = 'membership_expire_time = membership_expire_time + INTERVAL 10 YEAR';
      await change(`UPDATE users SET ${later} WHERE id = ?`, [userId]);
      await rows(
        `UPDATE membership_notices SET expire_time = expire_time + INTERVAL 10 YEAR, next_time = next_time + INTERVAL 10 YEAR
        WHERE user_id = ?`,
        [userId],
      );
      return { kind: 'payment', order_id: String(orderId), audited_end_time: String(sold) };
    },
  },
  {
    what: 'a membership that a refund shortened is as long again as it was sold',
    check: 'period-differs-from-audit-log',
    tables: ['membership_periods', 'users', 'membership_notices'],
    count: 1,
    plant: async ({ one, change }) => {
      const { order_id: orderId } = await one(
        "SELECT order_id FROM refunds WHERE status = 'succeeded' AND cause = 'requested' AND amount < total",
      );
      const audit = "FROM audit_logs WHERE subject_type = 'order' AND subject_id = ? AND action";
      const sold = await one(
        `SELECT JSON_VALUE(after_state, '$.period.endTime') AS end_time ${audit} = 'MarkOrderPaid'`,
        [orderId],
      );
      const left = await one(
        `SELECT JSON_VALUE(after_state, '$.period.end_time') AS end_time ${audit} = 'CountRefund'`,
        [orderId],
      );
      await change('UPDATE membership_periods SET end_time = ? WHERE order_id = ?', [
        new Date(String(sold['end_time'])),
        orderId,
      ]);
      return { kind: 'refund', order_id: String(orderId), audited_end_time: String(left['end_time']) };
    },
  },
  {
    what: 'a refunded membership is said to have been revoked much later',
    check: 'period-differs-from-audit-log',
    tables: ['membership_periods'],
    count: 1,
    plant: async ({ one, change }) => {
      const { id } = await one("SELECT id FROM orders WHERE status = 'refunded'");
      await change('UPDATE membership_periods SET revoke_time = revoke_time + INTERVAL 10 YEAR WHERE order_id = ?', [
        id,
      ]);
      return { kind: 'refund', order_id: String(id) };
    },
  },
  {
    what: 'a membership ends sooner than it was sold, and nothing made it',
    check: 'period-differs-from-audit-log',
    tables: ['membership_periods'],
    count: 1,
    plant: async ({ one, change }) => {
      const { order_id: orderId, sold } = await one(A_WHOLE_PERIOD);
      await change('UPDATE membership_periods SET end_time = end_time - INTERVAL 1 DAY WHERE order_id = ?', [orderId]);
      return { kind: 'payment', order_id: String(orderId), audited_end_time: String(sold) };
    },
  },
  {
    what: 'revenue is moved to another month',
    check: 'period-differs-from-audit-log',
    tables: ['orders', 'payments'],
    count: 1,
    plant: async ({ one, change }) => {
      const { id, paid } = await one(
        `SELECT o.id, JSON_VALUE(a.after_state, '$.paid_time') AS paid
        FROM orders o JOIN audit_logs a ON a.subject_type = 'order' AND a.subject_id = o.id AND a.action = 'MarkOrderPaid'
        WHERE o.status = 'paid' AND o.kind = 'purchase' AND o.coupon_id IS NULL`,
      );
      await change('UPDATE orders SET paid_time = paid_time - INTERVAL 40 DAY WHERE id = ?', [id]);
      await change('UPDATE payments SET success_time = success_time - INTERVAL 40 DAY WHERE order_id = ?', [id]);
      return { kind: 'payment', order_id: String(id), audited_paid_time: String(paid) };
    },
  },
];
