import type { Connection } from 'mysql2/promise';
import type { Row } from '../../support/database';
import { openMembershipShop, runDue, type MembershipShop } from '../../support/membership-shop';
import { errnoOf, REFUSALS } from '../../support/schema-facts';

const { trigger, check } = REFUSALS;

let shop: MembershipShop;
let userId: string;
/** A year of 100 units by the month, of which one is given; a month that was bought ahead and refunded in full. */
let orderId: string;
let revokedId: string;
let stranger: { userId: string; orderId: string };
let root: Connection;

beforeAll(async () => {
  shop = await openMembershipShop();
  shop.at('2027-01-31T04:00:00.000Z');
  const yearly = await shop.plan({ periodUnit: 'year', grantUnit: 'month', quotaUnits: 100 });
  userId = await shop.register();
  orderId = await shop.buy(userId, yearly);
  revokedId = await shop.buy(userId, yearly);
  await shop.endRefund(await shop.refund(userId, revokedId, 0), 'SUCCESS');
  const other = await shop.register();
  stranger = { userId: other, orderId: await shop.buy(other, yearly) };
  await runDue(shop.remind);
  root = await shop.db.connect('root');
});
afterAll(async () => {
  await root.end();
  await shop.close();
});

const insert = (table: string, row: Row): [string, unknown[]] => [
  `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (?)`,
  [Object.values(row)],
];

/** What an insider with every right gets who forges a GRANT row and inserts its lot, before all is taken back. */
async function forge(changes: Row): Promise<string> {
  const [lot] = await shop.db.query("SELECT * FROM quota_grants WHERE user_id = ? AND source = 'membership'", [userId]);
  const [log] = await shop.db.query("SELECT * FROM quota_logs WHERE user_id = ? AND type = 'GRANT' LIMIT 1", [userId]);
  const forged: Row = { ...lot, grant_id: 99, amount: 9, ...changes };
  forged['remaining'] = forged['amount'];
  const units = { units: forged['amount'], amount: forged['amount'] };
  await root.query('START TRANSACTION');
  try {
    await root.query(
      ...insert('quota_logs', { ...log, user_id: forged['user_id'], sequence: 99, request_id: 'forged', ...units }),
    );
    await root.query(...insert('quota_grants', forged));
    return 'inserted';
  } catch (error) {
    return (error as { sqlMessage: string }).sqlMessage;
  } finally {
    await root.query('ROLLBACK');
  }
}

/** R10.3: nothing but what a paid order sold makes membership units, whoever asks. */
describe('a membership lot', () => {
  const refused = 'quota_grants: a membership lot is one interval of its paid order';

  test('of the next interval, with its very units, is what the rules below let through', async () => {
    expect(await forge({ source_ref: `${orderId}:2` })).toBe('inserted');
    expect(await forge({ source_ref: `${orderId}:12`, amount: 8 })).toBe('inserted');
  });

  test.each([
    ['of an interval that the period does not have', () => ({ source_ref: `${orderId}:13`, amount: 8 })],
    ['of interval 0', () => ({ source_ref: `${orderId}:0` })],
    ['of an interval by another name', () => ({ source_ref: `${orderId}:02` })],
    ['of no number', () => ({ source_ref: `${orderId}:two` })],
    ['of more units than its interval has', () => ({ source_ref: `${orderId}:2`, amount: 10 })],
    ['of a smaller interval with the units of a larger', () => ({ source_ref: `${orderId}:5` })],
    ['of the whole period at once', () => ({ source_ref: `${orderId}:2`, amount: 100 })],
    ['of an order that was refunded in full', () => ({ order_id: revokedId, source_ref: `${revokedId}:1` })],
    ['of somebody else’s order', () => ({ order_id: stranger.orderId, source_ref: `${stranger.orderId}:2` })],
  ])('%s is refused', async (_what, changes) => {
    expect(await forge(changes())).toBe(refused);
  });

  test('of an interval that was given is refused by the unique key', async () => {
    expect(await forge({ source_ref: `${orderId}:1` })).toContain('Duplicate entry');
  });

  test('of a period that was replaced is refused', async () => {
    await root.query('START TRANSACTION');
    try {
      const replaced =
        'UPDATE membership_periods SET replaced_by_order_id = ?, next_grant_time = NULL WHERE order_id = ?';
      await root.query(replaced, [revokedId, orderId]);
      const [[lot], [log]] = await Promise.all([
        shop.db.query('SELECT * FROM quota_grants WHERE order_id = ?', [orderId]),
        shop.db.query("SELECT * FROM quota_logs WHERE user_id = ? AND type = 'GRANT' LIMIT 1", [userId]),
      ]);
      const nine = { units: 9, amount: 9 };
      await root.query(...insert('quota_logs', { ...log, sequence: 99, request_id: 'forged', ...nine }));
      const forged = { ...lot, grant_id: 99, source_ref: `${orderId}:2`, amount: 9, remaining: 9 };
      await expect(root.query(...insert('quota_grants', forged))).rejects.toMatchObject({ sqlMessage: refused });
    } finally {
      await root.query('ROLLBACK');
    }
  });
});

async function expectRefused(errnos: readonly number[], sql: string, values: readonly unknown[]): Promise<void> {
  const errno = await errnoOf(shop.db, sql, 'root', values);
  expect({ sql, errno, refused: errnos.includes(errno) }).toMatchObject({ refused: true });
}

describe('a period', () => {
  const of = 'WHERE order_id = ?';

  test('never takes back what it gave, nor gives more intervals than it has', async () => {
    await expectRefused(trigger, `UPDATE membership_periods SET granted_intervals = 0 ${of}`, [orderId]);
    await expectRefused(check, `UPDATE membership_periods SET granted_intervals = 13 ${of}`, [orderId]);
    // With all given, none is due.
    await expectRefused(check, `UPDATE membership_periods SET granted_intervals = 12 ${of}`, [orderId]);
  });

  test.each(['grant_unit', 'grant_count', 'feature_limits', 'grace_days', 'intervals'])(
    'and its order keep %s',
    async (column) => {
      const value = column === 'grant_unit' ? 'year' : column === 'feature_limits' ? '{}' : 2;
      await expectRefused(trigger, `UPDATE membership_periods SET ${column} = ? ${of}`, [value, orderId]);
      if (column === 'intervals') return;
      await expectRefused([...trigger, ...check], `UPDATE orders SET ${column} = ? WHERE id = ?`, [value, orderId]);
    },
  );

  test('is replaced by another paid order of the same user, once, and then gives nothing', async () => {
    const replace = `UPDATE membership_periods SET replaced_by_order_id = ?, next_grant_time = NULL ${of}`;
    for (const by of ['no-such-order', orderId, stranger.orderId]) await expectRefused(trigger, replace, [by, orderId]);
    const due = `UPDATE membership_periods SET replaced_by_order_id = ? ${of}`;
    await expectRefused(trigger, due, [revokedId, orderId]);
    await root.query('START TRANSACTION');
    try {
      await root.query(replace, [revokedId, orderId]);
      await expect(root.query(replace, [null, orderId])).rejects.toMatchObject({ errno: 1644 });
    } finally {
      await root.query('ROLLBACK');
    }
  });
});

describe('an order', () => {
  test.each([
    ['an interval that does not divide its period', { grant_count: 5 }],
    ['an interval longer than its period', { grant_unit: 'year', grant_count: 2 }],
    ['an interval of days in a period of years', { grant_unit: 'day' }],
    ['an interval of no length', { grant_count: 0 }],
    ['half an interval', { grant_count: null }],
    ['an unknown unit', { period_unit: 'decade' }],
    ['limits that are no JSON', { feature_limits: 'none' }],
    ['a negative grace', { grace_days: -1 }],
  ])('with %s is refused', async (_what, changes) => {
    const [order] = await shop.db.query('SELECT * FROM orders WHERE id = ?', [orderId]);
    const born = { id: 'forged', status: 'created', transaction_id: null, paid_time: null, apply_time: null };
    await expectRefused(check, ...insert('orders', { ...order, ...born, ...changes }));
  });
});

describe('what a member was told', () => {
  test('is never untold, and what is next has a time and a name', async () => {
    const of = 'WHERE user_id = ?';
    shop.at('2029-06-01T00:00:00.000Z');
    await runDue(shop.remind);
    for (const time of ['NULL', "'2020-01-01'"]) {
      await expectRefused(trigger, `UPDATE membership_notices SET told_kind = NULL, told_time = ${time} ${of}`, [
        userId,
      ]);
    }
    await expectRefused(trigger, `UPDATE membership_notices SET create_time = '2020-01-01' ${of}`, [userId]);
    for (const next of ["next_kind = 'soon', next_time = '2030-01-01'", "next_kind = 'expired', next_time = NULL"]) {
      await expectRefused(check, `UPDATE membership_notices SET ${next} ${of}`, [userId]);
    }
    await expectRefused(trigger, `DELETE FROM membership_notices ${of}`, [userId]);
  });
});
