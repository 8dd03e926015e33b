import { openTestDatabase, type Row, type TestDatabase } from '../../support/database';
import { createOrder, newId, registerMember, registerUser, startHarness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { checksums, errnoOf, REFUSALS } from '../../support/schema-facts';

const { trigger, check } = REFUSALS;

let db: TestDatabase;
let member: { userId: string; orderId: string };
let stranger: string;
/** An order that nobody paid, of the stranger. */
let unpaidOrderId: string;
let before: Awaited<ReturnType<typeof checksums>>;

beforeAll(async () => {
  const h = await startHarness();
  member = await registerMember(h);
  stranger = await registerUser(h);
  unpaidOrderId = await createOrder(h, stranger);
  await h.stop();
  db = await openTestDatabase(readInfra());
  before = await checksums(db);
});
afterEach(async () => {
  expect(await checksums(db)).toEqual(before);
});
afterAll(() => db.close());

async function expectRefused(refusal: readonly number[], sql: string, values: readonly unknown[] = []): Promise<void> {
  const errno = await errnoOf(db, sql, 'root', values);
  expect({ sql, errno, refused: refusal.includes(errno) }).toMatchObject({ refused: true });
}

/** Inserts a copy of a row with other values, as an account that may insert. */
async function insertCopy(
  table: string,
  source: Row | undefined,
  changes: Row,
  account: 'app' | 'root',
): Promise<number> {
  const row = { ...source, ...changes };
  return errnoOf(
    db,
    `INSERT INTO ${table} SET ?`.replace('SET ?', `(${Object.keys(row).join(', ')}) VALUES (?)`),
    account,
    [Object.values(row)],
  );
}

/** The first row that fits, without what the database computes itself. */
async function first(table: string, condition: string, value: string): Promise<Row | undefined> {
  const [row] = await db.query(`SELECT * FROM ${table} WHERE ${condition} LIMIT 1`, [value]);
  if (row !== undefined) delete row['applied_order_id'];
  return row;
}

/** Lessons 19, 23: invariants are in the schema from day one; no account goes round them. */
describe('a balance', () => {
  test('below zero is refused by the database itself', async () => {
    const sql = 'UPDATE users SET quota_remaining = -1, log_sequence = log_sequence + 1 WHERE id = ?';
    await expectRefused(check, sql, [member.userId]);
  });

  test('never changes without a row in the log, and the log never gets shorter', async () => {
    await expectRefused(trigger, 'UPDATE users SET quota_remaining = quota_remaining + 1 WHERE id = ?', [
      member.userId,
    ]);
    await expectRefused(trigger, 'UPDATE users SET log_sequence = log_sequence - 1 WHERE id = ?', [member.userId]);
  });

  test.each(['remaining = -1', 'remaining = amount + 1', 'held = -1', 'held = amount - remaining + 1'])(
    'of a lot with %s is refused',
    (change) => expectRefused(check, `UPDATE quota_grants SET ${change} WHERE user_id = ?`, [member.userId]),
  );

  test.each([
    ['a negative balance', { quota_remaining: -1 }],
    ['no units', { units: 0, amount: 0 }],
    ['an amount against its type', { amount: -10 }],
    ['an unknown type', { type: 'GIFT' }],
    ['an unknown origin', { origin: 'insider' }],
    ['a refund of nothing', { type: 'REFUND' }],
    ['a capture of nothing', { type: 'CAPTURE' }],
    ['a release of nothing', { type: 'RELEASE' }],
    ['a grant that settles something', { consume_sequence: 1 }],
    ['a capture that takes from the balance', { type: 'CAPTURE', consume_sequence: 1, amount: -10 }],
  ])('is not changed by a row with %s', async (_what, changes) => {
    const row = await first('quota_logs', 'user_id = ?', stranger);
    const errno = await insertCopy('quota_logs', row, { sequence: 99, request_id: 'forged', ...changes }, 'app');
    expect(check).toContain(errno);
  });

  test('has no second row for the same request, and no second lot for the same source (lessons 8, 16, 27)', async () => {
    const row = await first('quota_logs', 'user_id = ?', stranger);
    expect(await insertCopy('quota_logs', row, { sequence: 99 }, 'app')).toBe(1062);
    const lot = await first('quota_grants', 'user_id = ?', stranger);
    expect(await insertCopy('quota_grants', lot, {}, 'app')).toBe(1062);
  });

  test('gets no lot without a GRANT row of the same units, and none that was born used', async () => {
    const lot = await first('quota_grants', 'user_id = ?', stranger);
    expect(trigger).toContain(await insertCopy('quota_grants', lot, { grant_id: 99 }, 'app'));
    expect(trigger).toContain(await insertCopy('quota_grants', lot, { amount: 11, remaining: 11 }, 'app'));
    expect(trigger).toContain(await insertCopy('quota_grants', lot, { remaining: 9 }, 'app'));
  });

  test('gets one registration lot ever, and a compensation only for units that just expired', async () => {
    const lot = await first('quota_grants', 'user_id = ?', stranger);
    expect(check).toContain(await insertCopy('quota_grants', lot, { source_ref: 'again' }, 'app'));
    const gift = { source: 'compensation', source_ref: '1:1' };
    expect(trigger).toContain(await insertCopy('quota_grants', lot, gift, 'app'));
  });
});

/** Design §3, must show 7, lesson 20: only money that arrived makes membership units. */
describe.each(['app', 'root'] as const)('a membership lot inserted by %s', (account) => {
  const membershipLot = () => first('quota_grants', "source = 'membership' AND user_id = ?", member.userId);
  const fresh = { grant_id: 99, source_ref: 'forged' };

  test('for an unpaid order is refused', async () => {
    const changes = { ...fresh, user_id: stranger, order_id: unpaidOrderId };
    expect(trigger).toContain(await insertCopy('quota_grants', await membershipLot(), changes, account));
  });

  test("for another user's paid order is refused", async () => {
    const changes = { ...fresh, user_id: stranger, order_id: member.orderId };
    expect(trigger).toContain(await insertCopy('quota_grants', await membershipLot(), changes, account));
  });

  test('of other units than the order sold is refused', async () => {
    const changes = { ...fresh, amount: 501, remaining: 501 };
    expect(trigger).toContain(await insertCopy('quota_grants', await membershipLot(), changes, account));
  });

  test('for an order that does not exist, or for none, is refused', async () => {
    const lot = await membershipLot();
    expect(trigger).toContain(await insertCopy('quota_grants', lot, { ...fresh, order_id: 'no-such-order' }, account));
    expect([...trigger, ...check]).toContain(
      await insertCopy('quota_grants', lot, { ...fresh, order_id: null }, account),
    );
  });

  test('under the name of another source is refused: there is no free-form grant', async () => {
    const lot = await membershipLot();
    const renamed = { ...fresh, source: 'registration' };
    expect([...trigger, ...check]).toContain(await insertCopy('quota_grants', lot, renamed, account));
    const gift = { ...fresh, source: 'gift', order_id: null };
    expect([...trigger, ...check]).toContain(await insertCopy('quota_grants', lot, gift, account));
  });

  test('for the same order a second time is refused, whatever it is called', async () => {
    const lot = await membershipLot();
    const again = { source_ref: `${member.orderId}:2` };
    expect(trigger).toContain(await insertCopy('quota_grants', lot, again, account));
  });
});

describe('a membership period', () => {
  const period = () => first('membership_periods', 'user_id = ?', member.userId);

  test.each([
    ['an unpaid order', () => ({ user_id: stranger, order_id: unpaidOrderId })],
    ["another user's order", () => ({ user_id: stranger, order_id: member.orderId })],
    ['no order', () => ({ order_id: 'no-such-order' })],
  ])('for %s is refused', async (_what, changes) => {
    expect(trigger).toContain(
      await insertCopy('membership_periods', await period(), { period_no: 9, ...changes() }, 'app'),
    );
  });

  test('is one per order, is never made longer, and ends after it starts', async () => {
    expect(await insertCopy('membership_periods', await period(), { period_no: 9 }, 'app')).toBe(1062);
    const longer = 'UPDATE membership_periods SET end_time = end_time + INTERVAL 1 SECOND WHERE user_id = ?';
    await expectRefused(trigger, longer, [member.userId]);
    const empty = 'UPDATE membership_periods SET end_time = start_time WHERE user_id = ?';
    await expectRefused(check, empty, [member.userId]);
  });
});

describe('an order', () => {
  const markPaid = "UPDATE orders SET status = 'paid', paid_time = UTC_TIMESTAMP(3), apply_time = UTC_TIMESTAMP(3)";

  test('is not paid without an applied payment', async () => {
    await expectRefused(trigger, `${markPaid} WHERE id = ?`, [unpaidOrderId]);
    await expectRefused(trigger, `${markPaid}, transaction_id = 'forged' WHERE id = ?`, [unpaidOrderId]);
    await expectRefused(check, "UPDATE orders SET status = 'paid' WHERE id = ?", [unpaidOrderId]);
  });

  test.each([
    ['of another amount', { amount: 9_899 }],
    ['that is on its way back', { status: 'received' }],
    ['of another transaction', { transaction_id: 'other' }],
  ])('is not paid by a payment %s', async (_what, changes) => {
    const root = await db.connect('root');
    try {
      const payment = await first('payments', 'order_id = ?', member.orderId);
      const copy: Row = {
        ...payment,
        id: newId('p').slice(0, 26),
        order_id: unpaidOrderId,
        transaction_id: 'tx',
        ...changes,
      };
      await root.query('START TRANSACTION');
      await root.query(`INSERT INTO payments (${Object.keys(copy).join(', ')}) VALUES (?)`, [Object.values(copy)]);
      const paying = root.query(`${markPaid}, transaction_id = 'tx' WHERE id = ?`, [unpaidOrderId]);
      await expect(paying).rejects.toMatchObject({ errno: 1644 });
      await root.query('ROLLBACK');
    } finally {
      await root.end();
    }
  });

  test('that is paid stays paid, and what was refunded of it is never taken back', async () => {
    await expectRefused(trigger, "UPDATE orders SET status = 'closed' WHERE id = ?", [member.orderId]);
    await expectRefused(trigger, 'UPDATE orders SET refunded_amount = -1 WHERE id = ?', [member.orderId]);
    await expectRefused(trigger, 'UPDATE orders SET refunded_amount = final_amount + 1 WHERE id = ?', [member.orderId]);
  });

  test.each([
    ['paid', { paid_time: new Date(0) }],
    ['with a transaction', { transaction_id: 'forged' }],
    ['refunded', { refunded_amount: 1 }],
  ])('is never born %s', async (_what, changes) => {
    const order = await first('orders', 'id = ?', unpaidOrderId);
    expect(trigger).toContain(await insertCopy('orders', order, { id: newId('o').slice(0, 32), ...changes }, 'app'));
  });

  test.each([
    ['a total that is not original less discount', { final_amount: 1 }],
    ['tax that does not sum to it', { tax_amount: 0 }],
    ['a negative discount', { discount_amount: -1, final_amount: 9_901 }],
    ['another currency', { currency: 'USD' }],
    ['an unknown status', { status: 'lost' }],
  ])('with %s is refused', async (_what, changes) => {
    const order = await first('orders', 'id = ?', unpaidOrderId);
    expect(check).toContain(await insertCopy('orders', order, { id: newId('o').slice(0, 32), ...changes }, 'app'));
  });
});

describe('a payment', () => {
  test('is recorded once per transaction, with one', async () => {
    const payment = await first('payments', 'order_id = ?', member.orderId);
    expect(await insertCopy('payments', payment, { id: 'second' }, 'app')).toBe(1062);
    expect(check).toContain(await insertCopy('payments', payment, { id: 'second', transaction_id: null }, 'app'));
  });

  test('pays an order once: a second applied one is refused', async () => {
    const payment = await first('payments', 'order_id = ?', member.orderId);
    expect(await insertCopy('payments', payment, { id: 'second', transaction_id: 'other' }, 'app')).toBe(1062);
  });

  test('without money is for free orders only', async () => {
    const payment = await first('payments', 'order_id = ?', member.orderId);
    const nothing = { id: 'second', order_id: unpaidOrderId, method: 'none', transaction_id: null };
    expect(check).toContain(await insertCopy('payments', payment, nothing, 'app'));
  });
});
