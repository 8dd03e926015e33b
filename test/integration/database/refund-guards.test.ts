import { openTestDatabase, type Row, type TestDatabase } from '../../support/database';
import { newId, registerMember, startHarness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { refundOf, untilRefunds } from '../../support/refund-calls';
import { errnoOf, REFUSALS } from '../../support/schema-facts';

const { trigger, check } = REFUSALS;

let db: TestDatabase;
/** An order of 9 900 fen of which 6 000 went back, and its rows. */
let orderId: string;
let succeeded: Row;
let payment: Row;

beforeAll(async () => {
  const h = await startHarness();
  const member = await registerMember(h);
  ({ orderId } = member);
  await refundOf(h, { ...member, amount: 6_000 });
  [succeeded = {}] = await untilRefunds(h, orderId, ['succeeded']);
  await h.stop();
  db = await openTestDatabase(readInfra());
  [payment = {}] = await db.query('SELECT * FROM payments WHERE order_id = ?', [orderId]);
});
afterAll(() => db.close());

const everything = async (): Promise<unknown> => [
  await db.query('SELECT * FROM refunds ORDER BY id'),
  await db.query('SELECT * FROM payments ORDER BY id'),
  await db.query('SELECT * FROM orders ORDER BY id'),
  await db.query('SELECT * FROM membership_periods ORDER BY user_id, period_no'),
];

async function expectRefused(errnos: readonly number[], sql: string, values: readonly unknown[]): Promise<void> {
  const before = await everything();
  expect(errnos).toContain(await errnoOf(db, sql, 'root', values));
  expect(await everything()).toEqual(before);
}

/** A refund of the same payment, as it is born. */
function born(changes: Row = {}): Row {
  const fresh = {
    id: newId('r').slice(0, 26),
    status: 'created',
    refund_id: null,
    success_time: null,
    apply_time: null,
  };
  const unfrozen = { frozen_units: 0, freeze_sequence: null, paused_grant_time: null, attempts: 0 };
  return { ...succeeded, ...fresh, ...unfrozen, amount: 3_900, ...changes };
}

const insert = 'INSERT INTO refunds';
const columnsOf = (row: Row): string => `(${Object.keys(row).join(', ')}) VALUES (?)`;

async function insertRefund(changes: Row): Promise<string> {
  const row = born(changes);
  await db.query(`${insert} ${columnsOf(row)}`, [Object.values(row)]);
  return String(row['id']);
}

/** Lessons 9, 19, 39: an account that may do everything gives back no fen more than came, and turns nothing round. */
describe('the database refuses, whoever asks,', () => {
  test.each<[string, Row, readonly number[]]>([
    ['one fen more than is left', { amount: 3_901 }, trigger],
    ['an external one that with what went back is more than came', { amount: 3_901, cause: 'external' }, trigger],
    ['one of no payment', { payment_id: 'none' }, trigger],
    ['one of another order than its payment’s', { order_id: 'another' }, trigger],
    ['one of another total than its payment’s', { total: 10_000 }, trigger],
    ['one of another transaction', { transaction_id: 'another' }, trigger],
    ['one of nothing', { amount: 0 }, check],
    ['one of an unknown status', { status: 'lost' }, check],
    ['one of an unknown cause', { cause: 'whim' }, check],
    ['frozen units without the row that says so', { frozen_units: 5 }, check],
    ['success without WeChat Pay’s id and times', { status: 'succeeded' }, check],
  ])('%s', async (_title, changes, errnos) => {
    const row = born(changes);
    await expectRefused(errnos, `${insert} ${columnsOf(row)}`, [Object.values(row)]);
  });

  test('a second refund in the place of the same closed one, and WeChat Pay’s id twice', async () => {
    const replaces = await insertRefund({ amount: 1, status: 'closed', next_attempt_time: null });
    await insertRefund({ amount: 1, status: 'closed', replaces });
    for (const changes of [{ replaces }, { refund_id: succeeded['refund_id'] }]) {
      const row = born({ amount: 1, ...changes });
      await expectRefused([1062], `${insert} ${columnsOf(row)}`, [Object.values(row)]);
    }
  });

  test.each(['created', 'processing', 'closed', 'abnormal', 'failed'])(
    'a way back from succeeded to %s',
    async (to) => {
      await expectRefused(trigger, 'UPDATE refunds SET status = ? WHERE id = ?', [to, succeeded['id']]);
    },
  );

  test.each(['closed', 'failed'])('a way on from %s, and a way back to created', async (from) => {
    const id = await insertRefund({ amount: 1, status: from });
    for (const to of ['created', 'processing', 'abnormal', 'succeeded']) {
      const times = "refund_id = 'w', success_time = create_time, apply_time = create_time";
      await expectRefused(trigger, `UPDATE refunds SET status = ?, ${times} WHERE id = ?`, [to, id]);
    }
    const open = await insertRefund({ amount: 1, status: 'processing' });
    await expectRefused(trigger, "UPDATE refunds SET status = 'created' WHERE id = ?", [open]);
    await db.query("UPDATE refunds SET status = 'closed' WHERE id = ?", [open]);
  });

  test('success that together with an external one is more than came', async () => {
    const planned = await insertRefund({ amount: 3_900 });
    const times = { refund_id: newId('w').slice(0, 26), success_time: new Date(), apply_time: new Date() };
    await insertRefund({ amount: 1, cause: 'external', status: 'succeeded', ...times });
    const sql =
      "UPDATE refunds SET status = 'succeeded', refund_id = 'w2', success_time = create_time, apply_time = create_time";
    await expectRefused(trigger, `${sql} WHERE id = ?`, [planned]);
    await db.query("UPDATE refunds SET status = 'failed' WHERE id = ?", [planned]);
    await db.query('UPDATE orders SET refunded_amount = 6001 WHERE id = ?', [orderId]);
  });

  test('other identity, money and times than it was born with or told', async () => {
    const frozen = ['id', 'order_id', 'user_id', 'payment_id', 'transaction_id', 'cause', 'currency', 'reason'];
    for (const column of [...frozen, 'requested_by', 'notify_url', 'refund_id']) {
      await expectRefused([...trigger, ...check], `UPDATE refunds SET ${column} = 'x' WHERE id = ?`, [succeeded['id']]);
    }
    for (const column of ['amount', 'total', 'frozen_units', 'freeze_sequence']) {
      await expectRefused([...trigger, ...check], `UPDATE refunds SET ${column} = 1 WHERE id = ?`, [succeeded['id']]);
    }
    for (const column of ['create_time', 'success_time', 'apply_time', 'paused_grant_time']) {
      await expectRefused(trigger, `UPDATE refunds SET ${column} = '2020-01-01' WHERE id = ?`, [succeeded['id']]);
    }
  });

  test('an order that says more or less went back, and one refunded before all of it did', async () => {
    for (const amount of [0, 5_999, 9_900]) {
      await expectRefused(trigger, 'UPDATE orders SET refunded_amount = ? WHERE id = ?', [amount, orderId]);
    }
    await expectRefused(trigger, "UPDATE orders SET status = 'refunded' WHERE id = ?", [orderId]);
  });

  test('a payment refunded before all of it went back, or moved once it paid its order', async () => {
    for (const status of ['refunded', 'refunding', 'received']) {
      await expectRefused(trigger, 'UPDATE payments SET status = ? WHERE id = ?', [status, payment['id']]);
    }
  });

  test('a revoked period that counts again, gives more, or ends fewer units', async () => {
    const of = 'WHERE order_id = ?';
    await db.query(`UPDATE membership_periods SET revoke_units = 5 ${of}`, [orderId]);
    await expectRefused(trigger, `UPDATE membership_periods SET revoke_units = 4 ${of}`, [orderId]);
    await expectRefused(trigger, `UPDATE membership_periods SET revoke_units = quota_units + 1 ${of}`, [orderId]);
    await db.query(`UPDATE membership_periods SET revoke_time = start_time ${of}`, [orderId]);
    await expectRefused(trigger, `UPDATE membership_periods SET revoke_time = NULL ${of}`, [orderId]);
    await expectRefused(trigger, `UPDATE membership_periods SET next_grant_time = start_time ${of}`, [orderId]);
  });
});
