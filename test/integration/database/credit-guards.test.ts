import { openTestDatabase, type Row, type TestDatabase } from '../../support/database';
import { newId, registerMember, startHarness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { refundOf, untilRefunds } from '../../support/refund-calls';
import { errnoOf, REFUSALS } from '../../support/schema-facts';
import { openPlan, orderUpgrade } from '../../support/upgrade-calls';

const { trigger, check } = REFUSALS;

let db: TestDatabase;
/** A paid order of 9 900 fen of which 900 went back, and another user's. */
let credited: string;
let foreign: string;
/** A paid upgrade that credits all 9 900 fen of its own order, and that order with its payment. */
let paidUpgrade: string;
let upgradedOrder: string;
let payment: Row;
/** An upgrade that waits for payment. */
let openUpgrade: Row;

beforeAll(async () => {
  const h = await startHarness();
  const planId = await openPlan(h);
  const [member, other, third] = [await registerMember(h), await registerMember(h), await registerMember(h)];
  [credited, foreign] = [member.orderId, third.orderId];
  upgradedOrder = other.orderId;
  paidUpgrade = (await orderUpgrade(h, { userId: other.userId, planId })).orderId;
  await h.control('/_control/pay', { order_id: paidUpgrade });
  await refundOf(h, { ...member, amount: 900 });
  await untilRefunds(h, credited, ['succeeded']);
  const { orderId } = await orderUpgrade(h, { userId: member.userId, planId });
  await h.stop();
  db = await openTestDatabase(readInfra());
  [openUpgrade = {}] = await db.query('SELECT * FROM orders WHERE id = ?', [orderId]);
  [payment = {}] = await db.query('SELECT * FROM payments WHERE order_id = ?', [upgradedOrder]);
});
afterAll(() => db.close());

const everything = async (): Promise<unknown> => [
  await db.query('SELECT * FROM orders ORDER BY id'),
  await db.query('SELECT * FROM order_credits ORDER BY order_id, credited_order_id'),
  await db.query('SELECT * FROM refunds ORDER BY id'),
];

const insertOf = (table: string, row: Row): string =>
  `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (?)`;

async function expectRefused(errnos: readonly number[], sql: string, values: readonly unknown[]): Promise<void> {
  const before = await everything();
  expect(errnos).toContain(await errnoOf(db, sql, 'root', values));
  expect(await everything()).toEqual(before);
}

/** An order like the open upgrade, as it is born. */
async function bornUpgrade(changes: Row = {}): Promise<string> {
  const id = newId('o').slice(0, 30);
  const row = { ...openUpgrade, id, status: 'created', coupon_id: null, close_reason: null, ...changes };
  await db.query(insertOf('orders', row), [Object.values(row)]);
  return id;
}

function credit(orderId: string, changes: Row = {}): Row {
  const of = { order_id: orderId, credited_order_id: credited, user_id: openUpgrade['user_id'] };
  return { ...of, amount: 100, units: 10, refunded_amount: 900, create_time: openUpgrade['create_time'], ...changes };
}

/** Lessons 9, 19, 23: an account that may do everything credits no fen twice, and none that went back. */
describe('the database refuses, whoever asks,', () => {
  test.each<[string, () => Row, readonly number[]]>([
    ['a credit of another user’s order', () => ({ credited_order_id: foreign }), trigger],
    ['a credit of an order that is not there', () => ({ credited_order_id: 'none' }), trigger],
    ['a credit for another user than the upgrade’s', () => ({ user_id: 'other' }), trigger],
    ['a credit of more than what did not go back', () => ({ amount: 9_001 }), trigger],
    ['a credit of more than the order says', () => ({ amount: Number(openUpgrade['credit_amount']) + 1 }), trigger],
    ['a negative credit', () => ({ amount: -1 }), check],
    ['a negative number of units', () => ({ units: -1 }), check],
  ])('%s', async (_title, changes, errnos) => {
    const row = credit(await bornUpgrade(), changes());
    await expectRefused(errnos, insertOf('order_credits', row), [Object.values(row)]);
  });

  test('a credit by a purchase, by an upgrade that is open at WeChat Pay or paid, of itself, and twice', async () => {
    for (const orderId of [credited, String(openUpgrade['id']), paidUpgrade]) {
      const row = credit(orderId);
      await expectRefused(trigger, insertOf('order_credits', row), [Object.values(row)]);
    }
    const id = await bornUpgrade();
    const own = credit(id, { credited_order_id: id });
    await expectRefused([...trigger, ...check], insertOf('order_credits', own), [Object.values(own)]);
    const row = credit(id, { amount: 1 });
    await db.query(insertOf('order_credits', row), [Object.values(row)]);
    await expectRefused([1062], insertOf('order_credits', row), [Object.values(row)]);
  });

  test.each<[string, Row]>([
    ['an unknown kind', { kind: 'gift' }],
    ['a purchase with a credit', { kind: 'purchase' }],
    ['a negative credit', { credit_amount: -1 }],
    ['a price and credit of more than the list price', { credit_amount: 29_900 }],
    [
      'an upgrade for nothing',
      { original_amount: 0, discount_amount: 0, final_amount: 0, net_amount: 0, tax_amount: 0 },
    ],
  ])('an order of %s', async (_title, changes) => {
    const row = { ...openUpgrade, id: newId('o').slice(0, 30), status: 'created', ...changes };
    await expectRefused([...check, ...trigger], insertOf('orders', row), [Object.values(row)]);
  });

  test('an order that becomes another kind, or credits otherwise than it was born', async () => {
    for (const id of [credited, openUpgrade['id']]) {
      await expectRefused(
        [...trigger, ...check],
        "UPDATE orders SET kind = IF(kind = 'upgrade', 'purchase', 'upgrade') WHERE id = ?",
        [id],
      );
      await expectRefused([...trigger, ...check], 'UPDATE orders SET credit_amount = credit_amount + 1 WHERE id = ?', [
        id,
      ]);
    }
  });

  test('a paid upgrade without the credits that it says, or of an order of which more went back since', async () => {
    const unfounded = await bornUpgrade();
    const paidBy = async (orderId: string): Promise<void> => {
      const row = {
        ...{ id: newId('p').slice(0, 26), order_id: orderId, user_id: openUpgrade['user_id'], method: 'wechatpay' },
        ...{ status: 'applied', transaction_id: orderId, amount: openUpgrade['final_amount'], currency: 'CNY' },
        ...{ success_time: new Date(), create_time: new Date() },
      };
      await db.query(insertOf('payments', row), [Object.values(row)]);
    };
    const sql =
      "UPDATE orders SET status = 'paid', transaction_id = id, paid_time = create_time, apply_time = create_time WHERE id = ?";
    await paidBy(unfounded);
    await expectRefused(trigger, sql, [unfounded]);
    const [succeeded = {}] = await db.query('SELECT * FROM refunds WHERE order_id = ?', [credited]);
    const portal = {
      ...{ ...succeeded, id: newId('r').slice(0, 26), refund_id: newId('w').slice(0, 26), cause: 'external' },
      amount: 8_900,
    };
    await paidBy(String(openUpgrade['id']));
    await db.query(insertOf('refunds', portal), [Object.values(portal)]);
    await expectRefused(trigger, sql, [openUpgrade['id']]);
  });

  test('a refund of what a paid upgrade credits; what somebody refunds in the portal is a fact', async () => {
    const refund = {
      ...{
        id: newId('r').slice(0, 26),
        order_id: upgradedOrder,
        user_id: payment['user_id'],
        payment_id: payment['id'],
      },
      ...{
        transaction_id: payment['transaction_id'],
        cause: 'requested',
        amount: 9_900,
        total: 9_900,
        currency: 'CNY',
      },
      ...{ reason: 'x', requested_by: 'x', notify_url: '', status: 'created', create_time: new Date() },
    };
    await expectRefused(trigger, insertOf('refunds', refund), [Object.values(refund)]);
    const portal = { ...refund, cause: 'external' };
    await db.query(insertOf('refunds', portal), [Object.values(portal)]);
  });
});
