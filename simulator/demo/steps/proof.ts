import { format } from 'mysql2';
import type { Cell } from '../../../src/cli/output';
import type { Row } from '../database';
import type { Report } from '../report';
import type { Stage } from '../stage';

/** Step 32: the proof (对账证明): questions to the database, each printed with its SQL and its answer. */

/** The ids that the questions are about. */
export interface ProofSubject {
  readonly orderId: string;
  /** The payment of the order. */
  readonly transactionId: string;
  /** The payment of a wrong amount. */
  readonly wrongTransactionId: string;
}

/** A question to the database, and whether its answer is right. */
export interface Question {
  readonly name: string;
  readonly claim: string;
  readonly sql: string;
  readonly values: readonly string[];
  readonly holds: (rows: readonly Row[]) => boolean;
}

/** Whether there is just one row, and what it says. */
export function onlyRow(rows: readonly Row[], test: (row: Row) => boolean): boolean {
  const [row] = rows;
  return rows.length === 1 && row !== undefined && test(row);
}

function questions(userId: string, subject: ProofSubject): readonly Question[] {
  const { orderId, transactionId, wrongTransactionId } = subject;
  return [
    {
      name: 'balance',
      claim: 'the balance is the sum of the log and the sum of the lots',
      sql: `SELECT u.quota_remaining,
  (SELECT CAST(SUM(l.amount) AS SIGNED) FROM quota_logs l WHERE l.user_id = u.id) AS sum_of_logs,
  (SELECT CAST(SUM(g.remaining) AS SIGNED) FROM quota_grants g WHERE g.user_id = u.id) AS sum_of_lots
FROM users u WHERE u.id = ?`,
      values: [userId],
      holds: (rows) =>
        onlyRow(
          rows,
          (row) => row['quota_remaining'] === row['sum_of_logs'] && row['quota_remaining'] === row['sum_of_lots'],
        ),
    },
    {
      name: 'paid_order',
      claim: 'one paid order = one payment of the same amount = one membership period = one membership lot',
      sql: `SELECT o.status, o.final_amount, p.amount AS payment, m.period_no, m.order_id = o.id AS period_of_order,
  o.quota_units AS quota_sold, g.amount AS lot
FROM orders o
LEFT JOIN payments p ON p.order_id = o.id AND p.status = 'applied'
LEFT JOIN membership_periods m ON m.user_id = o.user_id
LEFT JOIN quota_grants g ON g.user_id = o.user_id AND g.source = 'membership'
WHERE o.id = ? AND p.transaction_id = ?`,
      values: [orderId, transactionId],
      holds: (rows) =>
        onlyRow(
          rows,
          (row) =>
            row['status'] === 'paid' &&
            row['payment'] === row['final_amount'] &&
            row['period_of_order'] === 1 &&
            row['lot'] === row['quota_sold'],
        ),
    },
    {
      name: 'lots_without_cause',
      claim: 'no quota without a cause: every lot has its GRANT row, and a membership lot its paid order',
      sql: `SELECT COUNT(*) AS lots, CAST(SUM(l.sequence IS NULL) AS SIGNED) AS without_log,
  CAST(SUM(g.source = 'membership' AND p.id IS NULL) AS SIGNED) AS without_payment
FROM quota_grants g
LEFT JOIN quota_logs l
  ON l.user_id = g.user_id AND l.sequence = g.grant_id AND l.type = 'GRANT' AND l.amount = g.amount
LEFT JOIN payments p ON p.order_id = g.order_id AND p.user_id = g.user_id AND p.status = 'applied'
WHERE g.user_id = ?`,
      values: [userId],
      holds: (rows) =>
        onlyRow(rows, (row) => row['lots'] === 2 && row['without_log'] === 0 && row['without_payment'] === 0),
    },
    {
      name: 'notifications',
      claim: 'three copies of one callback are one row; the wrong amount is recorded, never applied',
      sql: `SELECT n.subject_id, n.status, n.reason, n.times_received, COUNT(p.id) AS payments
FROM wechatpay_notifications n LEFT JOIN payments p ON p.transaction_id = n.subject_id
WHERE n.event_type = 'TRANSACTION.SUCCESS' AND n.subject_id IN (?, ?)
GROUP BY n.subject_id, n.status, n.reason, n.times_received, n.id ORDER BY n.id`,
      values: [transactionId, wrongTransactionId],
      holds: ([right, wrong, ...others]) =>
        others.length === 0 &&
        right?.['status'] === 'applied' &&
        right['times_received'] === 3 &&
        right['payments'] === 1 &&
        wrong?.['status'] === 'refused' &&
        wrong['reason'] === 'amount_mismatch' &&
        wrong['payments'] === 0,
    },
    ...traceQuestions(userId),
  ];
}

/** What the changes left behind for those who ask later. */
function traceQuestions(userId: string): readonly Question[] {
  return [
    {
      name: 'audit',
      claim: 'the audit log names who did each thing, and the order was paid once',
      sql: 'SELECT action, actor, subject_type, cause FROM audit_logs WHERE user_id = ? ORDER BY id',
      values: [userId],
      holds: (rows) => {
        const actions = rows.map((row) => row['action']);
        const isPaidOnce = actions.filter((action) => action === 'MarkOrderPaid').length === 1;
        return isPaidOnce && actions.includes('RegisterUser') && actions.includes('CreateOrder');
      },
    },
    {
      name: 'outbox',
      claim: 'every change left its event in the outbox',
      sql: 'SELECT type, COUNT(*) AS events FROM outbox WHERE user_id = ? GROUP BY type ORDER BY type',
      values: [userId],
      holds: (rows) => {
        const events = new Map(rows.map((row) => [row['type'], row['events']]));
        return events.get('order.paid') === 1 && events.get('user.registered') === 1 && events.has('quota.changed');
      },
    },
  ];
}

function toCell(value: unknown): Cell {
  if (typeof value === 'number' || typeof value === 'string' || value instanceof Date) return value;
  return value === null || value === undefined ? 'NULL' : JSON.stringify(value);
}

/** Puts a question: the SQL, the answer, the claim. */
export async function ask({ report, database }: Stage, question: Question): Promise<void> {
  const statement = format(question.sql, [...question.values]);
  const rows = await database.read(statement);
  report.sql(question.name, statement);
  const columns = Object.keys(rows[0] ?? {});
  report.rows(
    question.name,
    columns,
    rows.map((row) => columns.map((column) => toCell(row[column]))),
  );
  report.check(question.claim, question.holds(rows));
}

/** Statements that rewrite history, with the account of the service itself. */
const FORBIDDEN = [
  'UPDATE quota_logs SET amount = amount + 1000 WHERE user_id = ?',
  'DELETE FROM quota_logs WHERE user_id = ?',
  'UPDATE quota_grants SET amount = amount + 1000 WHERE user_id = ?',
  'UPDATE orders SET final_amount = 1 WHERE user_id = ?',
  'UPDATE users SET quota_remaining = quota_remaining + 1000 WHERE id = ?',
];

/** Says what is tried next. */
export function announceRewriting(report: Report): void {
  report.say("\nRewriting history (改账) with the service's own database account:");
}

/** Tries statements about one thing, each with its id, and checks that every one is refused. */
export async function tryToRewrite(
  { report, database }: Stage,
  statements: readonly string[],
  id: string,
): Promise<void> {
  for (const sql of statements) {
    const { isRefused, answer } = await database.tryForbidden(sql, [id]);
    report.check(`${sql}\n  → ${answer}`, isRefused);
  }
}

/** Asks every question, then tries what must be refused. */
export async function prove(stage: Stage, subject: ProofSubject): Promise<void> {
  stage.report.step('The proof (对账证明), from the database');
  for (const question of questions(stage.userId, subject)) await ask(stage, question);
  announceRewriting(stage.report);
  await tryToRewrite(stage, FORBIDDEN, stage.userId);
}
