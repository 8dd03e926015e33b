import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { checkPromotionsOf } from '../../../src/cli/check-promotions';
import { mustSucceed } from '../../support/clients';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { registerUser, startHarness, until, type Harness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { createOrderCall } from '../../support/order-calls';
import { makeActive } from '../../support/promotion-calls';
import { claim } from '../../support/promotions';

/** R13.8: whoever may do everything to the database still can not make a figure wrong without its promotion being named. */
describe('billing promotion check', () => {
  let h: Harness;
  let db: TestDatabase;
  let root: Connection;
  let honest: string;
  let victim: string;
  let usedCoupon: string;

  /** A promotion with a coupon in each of three states: unused, locked, used. */
  async function makeUsed(): Promise<{ promotionId: string; usedCoupon: string }> {
    const promotionId = await makeActive(h, { budget: 20_000, discountValue: 1_500 });
    const coupons: string[] = [];
    const orders: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const userId = await registerUser(h);
      const { couponId } = await claim(h, userId, promotionId);
      coupons.push(couponId);
      if (n === 0) continue;
      const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
      orders.push(order?.orderId ?? '');
    }
    await h.control('/_control/pay', { order_id: orders[1] });
    await until('the payment', async () => {
      const [row] = await db.query('SELECT status FROM user_coupons WHERE id = ?', [coupons[2]]);
      return row?.['status'] === 'used';
    });
    return { promotionId, usedCoupon: coupons[2] ?? '' };
  }

  beforeAll(async () => {
    db = await openTestDatabase(readInfra());
    h = await startHarness({ DATABASE_URL: db.url });
    root = await db.connect('root');
    honest = (await makeUsed()).promotionId;
    ({ promotionId: victim, usedCoupon } = await makeUsed());
    await h.stop();
    for (const table of ['promotions', 'user_coupons', 'orders']) {
      const sql =
        'SELECT trigger_name AS name FROM information_schema.triggers WHERE trigger_schema = ? AND event_object_table = ?';
      const triggers = await db.query(sql, [db.name, table]);
      for (const { name } of triggers) await root.query(`DROP TRIGGER ${String(name)}`);
    }
    await root.query('SET SESSION check_constraint_checks = 0');
  });
  afterAll(async () => {
    await root.end();
    await db.close();
  });

  const check = () => checkPromotionsOf(db.url);

  /** Forges, checks, and puts everything back as it was. Returns what was named. */
  async function faultsAfter(forge: string, undo: string, values: readonly unknown[]): Promise<readonly object[]> {
    await root.query(forge, [...values]);
    const { faults } = await check();
    await root.query(undo, [...values]);
    expect((await check()).faults).toEqual([]);
    return faults;
  }

  test('finds nothing in honest promotions, and counts them all', async () => {
    expect(await check()).toEqual({ promotions: 2, coupons: 6, faults: [] });
  });

  test.each([
    ['claimed_count', 'claimed_count = claimed_count + 1', 'claimed_count = claimed_count - 1', 4, 3],
    ['claimed_count', 'claimed_count = claimed_count - 2', 'claimed_count = claimed_count + 2', 1, 3],
    ['budget_used', 'budget_used = budget_used + 7', 'budget_used = budget_used - 7', 3_007, 3_000],
  ])(
    'names the promotion whose %s was altered (%s), with both figures',
    async (figure, forge, undo, recorded, counted) => {
      const sql = (set: string): string => `UPDATE promotions SET ${set} WHERE id = ?`;
      expect(await faultsAfter(sql(forge), sql(undo), [victim])).toEqual([
        { promotionId: victim, figure, recorded, counted },
      ]);
    },
  );

  test('names the promotion whose paid order lost its coupon: the GMV differs by either way to it', async () => {
    const values = [usedCoupon];
    const faults = await faultsAfter(
      'UPDATE orders SET notify_url = coupon_id, coupon_id = NULL WHERE coupon_id = ?',
      'UPDATE orders SET coupon_id = notify_url WHERE notify_url = ?',
      values,
    );
    expect(faults).toEqual([
      { promotionId: victim, figure: 'gmv', recorded: 0, counted: 8_400 },
      { promotionId: victim, figure: 'held_coupons', recorded: 1, counted: 2 },
      { promotionId: victim, figure: 'paid_orders', recorded: 0, counted: 1 },
    ]);
  });

  test('names the promotion of which a used coupon was made usable again: budget, GMV and orders differ', async () => {
    const [coupon] = await db.query('SELECT order_id FROM user_coupons WHERE id = ?', [usedCoupon]);
    const faults = await faultsAfter(
      `UPDATE user_coupons SET status = 'unused', order_id = NULL, discount_amount = NULL WHERE id = ?`,
      `UPDATE user_coupons SET status = 'used', order_id = '${String(coupon?.['order_id'])}', discount_amount = 1500 WHERE id = ?`,
      [usedCoupon],
    );
    expect(faults).toEqual([
      { promotionId: victim, figure: 'budget_used', recorded: 3_000, counted: 1_500 },
      { promotionId: victim, figure: 'gmv', recorded: 8_400, counted: 0 },
      { promotionId: victim, figure: 'paid_orders', recorded: 1, counted: 0 },
    ]);
  });

  test('names both promotions between which a coupon was moved', async () => {
    const sql = 'UPDATE user_coupons SET promotion_id = ? WHERE id = ?';
    await root.query(sql, [honest, usedCoupon]);
    const { faults } = await check();
    await root.query(sql, [victim, usedCoupon]);
    const named = faults.map(({ promotionId, figure, recorded, counted }) => [promotionId, figure, recorded, counted]);
    expect(named).toEqual(
      [
        [honest, 'budget_used', 3_000, 4_500],
        [honest, 'claimed_count', 3, 4],
        [victim, 'budget_used', 3_000, 1_500],
        [victim, 'claimed_count', 3, 2],
      ].sort(),
    );
    expect((await check()).faults).toEqual([]);
  });

  test('names the promotion of a coupon in a state that is none: claimed = unused + locked + used + expired', async () => {
    const sql = (from: string, to: string): string =>
      `UPDATE user_coupons SET status = '${to}' WHERE promotion_id = ? AND status = '${from}'`;
    const faults = await faultsAfter(sql('unused', 'stolen'), sql('stolen', 'unused'), [victim]);
    expect(faults).toEqual([{ promotionId: victim, figure: 'coupons_by_status', recorded: 3, counted: 2 }]);
  });

  test('names coupons of a promotion that is not there', async () => {
    const faults = await faultsAfter(
      "UPDATE user_coupons SET promotion_id = 'gone' WHERE promotion_id = ? AND status = 'unused'",
      "UPDATE user_coupons SET promotion_id = ? WHERE promotion_id = 'gone'",
      [victim],
    );
    expect(faults).toEqual(
      expect.arrayContaining([
        { promotionId: 'gone', figure: 'claimed_count', recorded: 0, counted: 1 },
        { promotionId: victim, figure: 'claimed_count', recorded: 3, counted: 2 },
      ]),
    );
    expect(faults).toHaveLength(2);
  });

  test('names figures beyond any safe number, instead of failing over them', async () => {
    const sql = (set: string): string => `UPDATE promotions SET ${set} WHERE id = ?`;
    const faults = await faultsAfter(sql('claimed_count = 9223372036854775807'), sql('claimed_count = 3'), [victim]);
    expect(faults).toMatchObject([{ promotionId: victim, figure: 'claimed_count', counted: 3 }]);
  });

  /** Runs the compiled command on this database. */
  function run(...words: string[]): Promise<{ code: number; stdout: string }> {
    const command = [join('dist', 'src', 'cli', 'main.js'), ...words, 'promotion', 'check'];
    return new Promise((resolve) => {
      execFile(process.execPath, command, { env: { DATABASE_URL: db.url } }, (error, stdout) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout });
      });
    });
  }

  test('ends with 0 when all is well and with 1 when not, and tells people and machines the same', async () => {
    const sound = await run('--json');
    const ok = { verdict: 'ok', promotions: 2, coupons: 6, faults: [] };
    expect([sound.code, JSON.parse(sound.stdout)]).toEqual([0, ok]);
    const set = (sign: string): string => `UPDATE promotions SET claimed_count = claimed_count ${sign} 1 WHERE id = ?`;
    await root.query(set('+'), [victim]);
    const [faulty, shown] = [await run('--json'), await run()];
    await root.query(set('-'), [victim]);
    const fault = { promotion: victim, figure: 'claimed_count', recorded: 4, counted: 3 };
    expect([faulty.code, JSON.parse(faulty.stdout)]).toEqual([1, { ...ok, verdict: 'FAULT', faults: [fault] }]);
    expect(shown.code).toBe(1);
    for (const word of ['FAULT', victim, 'claimed_count', '4', '3']) expect(shown.stdout).toContain(word);
  });
});
