import { startPeriod } from '../../../src/membership';
import { OrderRow } from '../../../src/order';
import { recordPayment } from '../../../src/payment';
import { withTx } from '../../../src/platform/db/tx';
import { fen } from '../../../src/platform/money';
import { lockUser } from '../../../src/quota';
import { newId } from '../../support/harness';
import { insertPaidOrder } from '../../support/paid-order';
import { openUpgradeShop, type UpgradeShop } from '../../support/upgrade-shop';
import { expectBalanced } from '../../support/user-rows';

let shop: UpgradeShop;
beforeAll(async () => {
  shop = await openUpgradeShop();
});
afterAll(() => shop.close());

/** A member of a month who ordered an upgrade, in March. */
async function waiting() {
  const month = await shop.plan({ periodUnit: 'month', quotaUnits: 300, price: 3_100 });
  const better = await shop.plan({ periodUnit: 'month', quotaUnits: 1_000, price: 10_000 });
  shop.at('2026-03-01T04:00:00Z');
  const userId = await shop.register();
  const first = await shop.buy(userId, month);
  return { userId, first, better, orderId: await shop.order(userId, better) };
}

/** Gives a month as a process does that does not know of upgrades: it does not look for one that waits for payment. */
async function buyBeside(userId: string): Promise<void> {
  const orderId = newId('beside').slice(0, 30);
  await insertPaidOrder(shop.db, userId, orderId, 500);
  const sold = {
    planId: 'monthly',
    planName: 'monthly',
    features: '[]',
    featureLimits: null,
    graceDays: 0,
    quotaUnits: 500,
  };
  const terms = { periodUnit: 'month', periodCount: 1, grantUnit: null, grantCount: null } as const;
  await withTx(shop.pool, { name: 'BuyBeside' }, async (tx) => {
    await lockUser(tx, userId);
    await startPeriod(tx, userId, { orderId, ...sold, ...terms }, shop.clock.now());
  });
}

/** Everything that an upgrade which is void must leave alone. */
const rightsOf = async (userId: string) => [await shop.periods(userId), await shop.lots(userId)];

/** Lesson 25: an upgrade is applied whole, on the ground that it was ordered on, or not at all. */
describe('an upgrade is void when it is paid after', () => {
  async function expectVoid(userId: string, orderId: string): Promise<void> {
    const before = await rightsOf(userId);
    expect(await shop.pay(orderId)).toBe('returned');
    expect(await rightsOf(userId)).toEqual(before);
    expect(await shop.orderRow(orderId)).toMatchObject({
      status: 'closed',
      close_reason: 'upgrade_void',
      paid_time: null,
    });
    const { final_amount: amount } = await shop.orderRow(orderId);
    const refunds = await shop.db.query('SELECT cause, status, amount FROM refunds WHERE order_id = ?', [orderId]);
    expect(refunds).toEqual([{ cause: 'automatic', status: 'created', amount }]);
    const payments = await shop.db.query('SELECT status FROM payments WHERE order_id = ?', [orderId]);
    expect(payments).toEqual([{ status: 'refunding' }]);
    // Told again, it is the same money.
    expect(await shop.pay(orderId)).toBe('recorded');
    await expectBalanced(shop.db, userId);
  }

  test('another period was bought', async () => {
    const { userId, orderId } = await waiting();
    await buyBeside(userId);
    await expectVoid(userId, orderId);
  });

  test('what it credits had ended by itself, and another period was bought', async () => {
    const { userId, orderId } = await waiting();
    shop.at('2026-04-01T04:00:00Z');
    await buyBeside(userId);
    await expectVoid(userId, orderId);
  });

  test('another upgrade of the same ground was paid', async () => {
    const { userId, better, orderId } = await waiting();
    // Neither saw the other: as if two processes had not shared the lock.
    await shop.db.query(
      "UPDATE orders SET status = 'closing', close_reason = 'expired', closing_time = create_time WHERE id = ?",
      [orderId],
    );
    await shop.db.query("UPDATE orders SET status = 'closed', next_check_time = NULL WHERE id = ?", [orderId]);
    const second = await shop.order(userId, better);
    expect(await shop.pay(second)).toBe('paid');
    const before = await rightsOf(userId);
    // Closed meanwhile: nobody waits for that money.
    expect(await shop.pay(orderId)).toBe('returned');
    expect(await rightsOf(userId)).toEqual(before);
    expect(await shop.orderRow(orderId)).toMatchObject({ status: 'closed', close_reason: 'expired' });
  });
});

/** A paid upgrade takes the place of what it credits, or it is not paid: even by a process that knows of no upgrades. */
test('the database refuses the period of an upgrade beside those that it credits; a process that knows of them pays it then', async () => {
  const { userId, first, orderId } = await waiting();
  const before = [await rightsOf(userId), await shop.orderRow(orderId)];
  const payAsBefore = withTx(shop.pool, { name: 'PayAsBefore' }, async (tx) => {
    await lockUser(tx, userId);
    const order = await OrderRow.query(tx).findById(orderId).forUpdate().throwIfNotFound();
    const now = shop.clock.now();
    const { finalAmount, planId, planName, features, quotaUnits } = order;
    const transaction = {
      ...{ appid: 'x', mchid: 'x', outTradeNo: orderId, transactionId: `43${orderId}`, currency: 'CNY' },
      ...{ tradeState: 'SUCCESS', tradeType: 'NATIVE', bankType: 'OTHERS', providerDiscounts: [], successTime: now },
      ...{ amountTotal: fen(finalAmount), payerTotal: fen(finalAmount) },
    };
    await recordPayment(tx, { orderId, userId }, 'applied', transaction, now);
    const paid = { status: 'paid', transactionId: `43${orderId}`, paidTime: now, applyTime: now } as const;
    await OrderRow.query(tx).findById(orderId).patch(paid);
    const terms = { periodUnit: 'month', periodCount: 1, grantUnit: null, grantCount: null } as const;
    const sold = { orderId, planId, planName, features, featureLimits: null, graceDays: 0, quotaUnits, ...terms };
    await startPeriod(tx, userId, sold, now);
  });
  await expect(payAsBefore).rejects.toThrow('membership_periods: an upgrade takes the place of what it credits');
  expect([await rightsOf(userId), await shop.orderRow(orderId)]).toEqual(before);
  expect(await shop.pay(orderId)).toBe('paid');
  const [replaced] = await shop.periods(userId);
  expect(replaced).toMatchObject({ order_id: first, replaced_by_order_id: orderId });
});
