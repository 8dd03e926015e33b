import type { Plan } from '../../../src/gen/billing/v1/membership_service.pb';
import { refusalOf } from '../billing';
import type { Stage } from '../stage';
import { REFUSAL_HEADINGS, refusalRow, yuan } from '../wording';
import { announceRewriting, ask, onlyRow, tryToRewrite, type Question } from './proof';
import type { MonthlyMember } from './upgrade';

/** Step 26: what the database says of the upgrade, and what it refuses. */

function questions(userId: string, member: MonthlyMember, yearly: Plan, orderId: string): readonly Question[] {
  return [
    {
      name: 'money',
      claim: 'credit + payment = the price, to the fen',
      sql: `SELECT o.kind, o.status, o.credit_amount, p.amount AS payment,
  (SELECT CAST(SUM(c.amount) AS SIGNED) FROM order_credits c WHERE c.order_id = o.id) AS sum_of_credits
FROM orders o JOIN payments p ON p.order_id = o.id AND p.status = 'applied' WHERE o.id = ?`,
      values: [orderId],
      holds: (rows) =>
        onlyRow(
          rows,
          (row) =>
            row['status'] === 'paid' &&
            row['credit_amount'] === row['sum_of_credits'] &&
            Number(row['credit_amount']) + Number(row['payment']) === yearly.price,
        ),
    },
    {
      name: 'credited',
      claim: 'no fen was credited twice: one upgrade credits of the month, no more than was paid for it',
      sql: `SELECT o.id, p.amount AS paid, o.refunded_amount, COUNT(c.order_id) AS upgrades,
  CAST(SUM(c.amount) AS SIGNED) AS credited
FROM orders o
JOIN payments p ON p.order_id = o.id AND p.status = 'applied'
JOIN order_credits c ON c.credited_order_id = o.id
JOIN orders u ON u.id = c.order_id AND u.status = 'paid'
WHERE o.user_id = ? GROUP BY o.id, p.amount, o.refunded_amount`,
      values: [userId],
      holds: (rows) =>
        onlyRow(
          rows,
          (row) =>
            row['id'] === member.orderId &&
            row['upgrades'] === 1 &&
            Number(row['credited']) + Number(row['refunded_amount']) <= Number(row['paid']),
        ),
    },
    {
      name: 'periods',
      claim: 'the month was replaced by the upgrade at the very instant at which the year began',
      sql: `SELECT period_no, order_id, start_time, end_time, granted_intervals, intervals, replaced_by_order_id
FROM membership_periods WHERE user_id = ? ORDER BY period_no`,
      values: [userId],
      holds: ([month, year, ...others]) =>
        others.length === 0 &&
        month?.['order_id'] === member.orderId &&
        month['replaced_by_order_id'] === orderId &&
        year?.['order_id'] === orderId &&
        year['replaced_by_order_id'] === null &&
        Number(month['end_time']) === Number(year['start_time']) &&
        year['granted_intervals'] === 1 &&
        year['intervals'] === 12,
    },
  ];
}

const FORBIDDEN_CREDITS = [
  'INSERT INTO order_credits SELECT * FROM order_credits WHERE order_id = ?',
  'UPDATE order_credits SET amount = amount + 1 WHERE order_id = ?',
  'DELETE FROM order_credits WHERE order_id = ?',
  'UPDATE membership_periods SET replaced_by_order_id = NULL WHERE replaced_by_order_id = ?',
];

/** Asks, tries to have the credited money back as well, and tries what must be refused. */
export async function proveUpgrade(stage: Stage, member: MonthlyMember, yearly: Plan, orderId: string): Promise<void> {
  const { report, finance, userId } = stage;
  report.step('The proof of the upgrade (升级核对), from the database');
  for (const question of questions(userId, member, yearly, orderId)) await ask(stage, question);
  const all = { userId, orderId: member.orderId, amount: member.plan.price };
  const refusal = await refusalOf(finance.order.quoteRefund.bind(finance.order), all);
  report.say('\nFinance would give back all that was paid for the month:');
  report.rows('refusal', REFUSAL_HEADINGS, [refusalRow(refusal)]);
  const refundable = Number(refusal.metadata['refundable']);
  report.check(
    `what is credited does not go back as well: at most ${yuan(refundable)} do`,
    refusal.metadata['why'] === 'exceeds_paid' && refundable < member.plan.price,
  );
  announceRewriting(report);
  await tryToRewrite(stage, FORBIDDEN_CREDITS, orderId);
}
