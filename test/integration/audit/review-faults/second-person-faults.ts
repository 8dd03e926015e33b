import type { Fault } from '../../../support/review-faults';
import { TWO_PEOPLE_ABOVE } from '../../../support/review-play';

/** What a forged refund has of another one; WeChat Pay's id of it is its own. */
const REFUND_COLUMNS = `order_id, user_id, payment_id, transaction_id, total, currency, reason, notify_url, status, create_time,
  success_time, apply_time`;
const A_SMALL_REFUND =
  "SELECT id, order_id, requested_by, amount FROM refunds WHERE cause = 'requested' AND approve_deadline IS NULL AND amount < total";

/** What takes two people, done by one: must show 1 of the audit's issue (R11.3). */
export const SECOND_PERSON_FAULTS: readonly Fault[] = [
  {
    what: 'a refund is made one that needed no approval',
    check: 'refund-not-as-approved',
    tables: ['refunds'],
    count: 2,
    plant: async ({ one, change }) => {
      const { id } = await one("SELECT id FROM refunds WHERE decision = 'approved'");
      await change(
        'UPDATE refunds SET approve_deadline = NULL, decision = NULL, decided_by = NULL, decide_time = NULL WHERE id = ?',
        [id],
      );
      return {
        refund_id: String(id),
        decided_by: null,
        problem: 'proposed, and is no proposal, or the other way round',
      };
    },
  },
  {
    what: 'a refund is said to be asked for by nobody',
    check: 'refund-not-as-approved',
    tables: ['refunds', 'audit_logs'],
    plant: async ({ one, change }) => {
      const { id } = await one(A_SMALL_REFUND);
      await change(
        `INSERT INTO refunds (id, refund_id, cause, amount, requested_by, ${REFUND_COLUMNS})
        SELECT 'forged', 'forged', 'automatic', 1, 'system', ${REFUND_COLUMNS} FROM refunds WHERE id = ?`,
        [id],
      );
      return { refund_id: 'forged', problem: 'asked for by nobody, though an order was waiting for the money' };
    },
  },
  {
    what: 'a refund is written beside the service, with all of its traces but the count',
    check: 'refund-not-counted',
    tables: ['refunds', 'audit_logs'],
    count: 1,
    plant: async ({ one, change }) => {
      const { id, requested_by: by } = await one(A_SMALL_REFUND);
      await change(
        `INSERT INTO refunds (id, refund_id, cause, amount, requested_by, ${REFUND_COLUMNS})
        SELECT 'forged', 'forged', cause, 100, requested_by, ${REFUND_COLUMNS} FROM refunds WHERE id = ?`,
        [id],
      );
      // Of a version before 0.6.0, as it says: those counted nothing.
      await change(
        `INSERT INTO audit_logs (action, actor, subject_type, subject_id, user_id, cause, before_state, after_state, create_time)
        SELECT action, actor, subject_type, 'forged', user_id, cause, before_state, after_state, create_time FROM audit_logs
        WHERE subject_type = 'refund' AND subject_id = ?`,
        [id],
      );
      return { person: String(by).split('/').at(-1) ?? '' };
    },
  },
  {
    what: 'somebody gives more back alone than anybody may, and counts it',
    check: 'alone-beyond-limit',
    tables: ['refund_alone_days'],
    plant: async ({ one, change }) => {
      const { person } = await one('SELECT person FROM refund_alone_days');
      await change('UPDATE refund_alone_days SET amount = 200001');
      return { what: 'business day', person: String(person), amount: 200_001, limit_now: 200_000 };
    },
  },
  {
    what: 'somebody gives more of an order back alone than anybody may, with all of its traces',
    check: 'alone-beyond-limit',
    tables: ['refunds', 'audit_logs', 'refund_alone_days'],
    count: 1,
    plant: async ({ one, change }) => {
      const { id, order_id: order, amount } = await one(A_SMALL_REFUND);
      const more = TWO_PEOPLE_ABOVE + 1 - Number(amount);
      await change('UPDATE refunds SET amount = amount + ? WHERE id = ?', [more, id]);
      await change(
        `UPDATE audit_logs SET after_state = JSON_SET(after_state, '$.amount', ?)
        WHERE subject_type = 'refund' AND subject_id = ? AND action = 'RefundOrder'`,
        [TWO_PEOPLE_ABOVE + 1, id],
      );
      await change('UPDATE refund_alone_days SET amount = amount + ? ORDER BY business_day DESC LIMIT 1', [more]);
      return {
        what: 'order',
        subject: String(order),
        amount: String(TWO_PEOPLE_ABOVE + 1),
        limit_now: TWO_PEOPLE_ABOVE,
      };
    },
  },
  {
    what: 'a dear promotion is activated by who made it',
    check: 'alone-beyond-limit',
    tables: ['promotions', 'audit_logs'],
    count: 1,
    plant: async ({ one, change }) => {
      const { id, created_by: by } = await one(
        "SELECT id, created_by FROM promotions WHERE status = 'active' AND budget > 0",
      );
      await change('UPDATE promotions SET budget = 10000001, editors = JSON_ARRAY(created_by) WHERE id = ?', [id]);
      await change(
        `UPDATE audit_logs SET after_state = JSON_SET(after_state, '$.budget', 10000001)
        WHERE subject_type = 'promotion' AND subject_id = ? AND action = 'CreatePromotion'`,
        [id],
      );
      await change(
        `UPDATE audit_logs SET actor = ?, after_state = JSON_SET(after_state, '$.editors', JSON_ARRAY(?))
        WHERE subject_type = 'promotion' AND subject_id = ? AND action = 'SetPromotionStatus'`,
        [by, by, id],
      );
      return { what: 'promotion', subject: String(id), cost: '10000001', limit_now: 10_000_000, person: String(by) };
    },
  },
];
