import { openTestDatabase, type TestDatabase } from '../../support/database';
import { mustSucceed } from '../../support/clients';
import { newId, registerUser, startHarness, until } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { createOrderCall } from '../../support/order-calls';
import { claim, openPromotion } from '../../support/promotions';
import { errnoOf, REFUSALS } from '../../support/schema-facts';

const { trigger, check } = REFUSALS;
const STATUSES = ['unused', 'locked', 'used', 'expired'] as const;
type Status = (typeof STATUSES)[number];

/** A coupon in each status, with its order where it has one; of one promotion with a budget. */
interface Known {
  readonly couponId: string;
  readonly userId: string;
  readonly orderId: string;
}

let db: TestDatabase;
let promotionId: string;
let known: Record<Status, Known>;

beforeAll(async () => {
  const h = await startHarness();
  promotionId = await openPromotion(h, { budget: 100_000, totalQuota: 10 });
  const claimed = async (): Promise<Known> => {
    const userId = await registerUser(h);
    return { userId, couponId: (await claim(h, userId, promotionId)).couponId, orderId: '' };
  };
  const ordered = async (): Promise<Known> => {
    const coupon = await claimed();
    const { order } = await mustSucceed(createOrderCall(h, coupon));
    return { ...coupon, orderId: order?.orderId ?? '' };
  };
  const [expired, unused, locked, used] = [await claimed(), await claimed(), await ordered(), await ordered()];
  await h.control('/_control/pay', { order_id: used.orderId });
  await h.db.query("UPDATE user_coupons SET status = 'expired' WHERE id = ?", [expired.couponId]);
  known = { unused, locked, used, expired };
  await until('all is settled', async () => {
    const rows = await h.db.query('SELECT status FROM user_coupons WHERE promotion_id = ?', [promotionId]);
    return new Set(rows.map(({ status }) => status)).size === STATUSES.length;
  });
  await h.stop();
  db = await openTestDatabase(readInfra());
});
afterAll(() => db.close());

const everything = async (): Promise<unknown> => [
  await db.query('SELECT * FROM user_coupons WHERE promotion_id = ? ORDER BY id', [promotionId]),
  await db.query('SELECT * FROM promotions WHERE id = ?', [promotionId]),
];

async function expectRefused(refusal: readonly number[], sql: string, values: readonly unknown[] = []): Promise<void> {
  const before = await everything();
  const errno = await errnoOf(db, sql, 'root', values);
  expect({ sql, errno, refused: refusal.includes(errno) }).toMatchObject({ refused: true });
  expect(await everything()).toEqual(before);
}

/** R13.5, lesson 19: an account that may do everything moves no coupon that its order does not move. */
describe('the database refuses, whoever asks,', () => {
  const moves = STATUSES.flatMap((from) => STATUSES.filter((to) => to !== from).map((to) => [from, to] as const));
  // An unused coupon may be booked as expired: only the service knows what time it is.
  const refused = moves.filter(([from, to]) => !(from === 'unused' && to === 'expired'));

  test.each(refused)('to move a coupon from %s to %s while no order says so', async (from, to) => {
    const { couponId, orderId } = known[from];
    const isHeld = to === 'locked' || to === 'used';
    const order = orderId === '' ? known.locked.orderId : orderId;
    await expectRefused(trigger, 'UPDATE user_coupons SET status = ?, order_id = ?, discount_amount = ? WHERE id = ?', [
      to,
      isHeld ? order : null,
      isHeld ? 1_000 : null,
      couponId,
    ]);
  });

  test.each(['locked', 'used'] as const)('to give a %s coupon another order or discount', async (status) => {
    const { couponId } = known[status];
    await expectRefused(trigger, 'UPDATE user_coupons SET discount_amount = 999 WHERE id = ?', [couponId]);
    await expectRefused(trigger, "UPDATE user_coupons SET order_id = 'another' WHERE id = ?", [couponId]);
  });

  test('a coupon born in another status, a second of the same promotion, another owner or validity', async () => {
    const { userId, couponId } = known.unused;
    const born = 'INSERT INTO user_coupons (id, user_id, promotion_id, status, claim_time, expire_time) VALUES (?)';
    const time = ['2026-01-01 00:00:00', '2026-02-01 00:00:00'];
    await expectRefused(trigger, born, [[newId('c').slice(0, 26), newId('u'), promotionId, 'used', ...time]]);
    const duplicate = [1062];
    await expectRefused(duplicate, born, [[newId('c').slice(0, 26), userId, promotionId, 'unused', ...time]]);
    for (const change of [
      "user_id = 'x'",
      "promotion_id = 'x'",
      "expire_time = '2099-01-01'",
      "claim_time = '2020-01-01'",
    ]) {
      await expectRefused(trigger, `UPDATE user_coupons SET ${change} WHERE id = ?`, [couponId]);
    }
  });

  test('a count that is taken back or above the stock, a budget that is exceeded or below zero', async () => {
    const of = 'WHERE id = ?';
    await expectRefused(trigger, `UPDATE promotions SET claimed_count = claimed_count - 1 ${of}`, [promotionId]);
    await expectRefused(check, `UPDATE promotions SET claimed_count = total_quota + 1 ${of}`, [promotionId]);
    await expectRefused(check, `UPDATE promotions SET budget_used = budget + 1 ${of}`, [promotionId]);
    await expectRefused(check, `UPDATE promotions SET budget_used = -1 ${of}`, [promotionId]);
    await expectRefused(check, `UPDATE promotions SET total_quota = claimed_count - 1 ${of}`, [promotionId]);
  });

  test('other terms than those that people claimed with, and a way back to draft', async () => {
    const terms = ['discount_value = 9999', "discount_type = 'percentage', discount_value = 1", 'max_discount = 1'];
    const more = ['min_order_amount = 1', 'plan_ids = \'["x"]\'', 'may_be_free = 1', 'returned_on_refund = 1'];
    const validity = ['new_users_only = 1', 'coupon_valid_days = 99', 'budget = 0', "status = 'draft'"];
    for (const change of [...terms, ...more, ...validity]) {
      await expectRefused(trigger, `UPDATE promotions SET ${change} WHERE id = ?`, [promotionId]);
    }
  });

  test('a discount without a coupon, and a paid order whose coupon it does not hold', async () => {
    const [order] = await db.query('SELECT * FROM orders WHERE id = ?', [known.locked.orderId]);
    const insert = async (changes: object): Promise<void> => {
      const row = { ...order, id: newId('o').slice(0, 26), ...changes };
      await expectRefused(trigger, `INSERT INTO orders (${Object.keys(row).join(', ')}) VALUES (?)`, [
        Object.values(row),
      ]);
    };
    await insert({ coupon_id: null });
    await insert({ coupon_id: known.used.couponId });
    await insert({ coupon_id: known.unused.couponId });
  });
});
