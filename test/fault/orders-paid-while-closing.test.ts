import { OrderStatus } from '../../src/gen/billing/v1/order_service.pb';
import { mustSucceed } from '../support/clients';
import type { Row } from '../support/database';
import { registerUser, startHarness, until, type Harness } from '../support/harness';
import { cancelOrderCall, createOrderCall } from '../support/order-calls';
import { isBehind } from '../support/payment-books';
import { checkPromotionsOf } from '../support/promotion-check';
import { claim, openPromotion, stockOf } from '../support/promotions';

const ORDERS = 100;
/** How many are paid and closed at the same time. */
const WAVE = 20;
/** A hundred orders are checked, eight at a time. */
const SETTLED_WITHIN_MS = 60_000;
const FINAL_AMOUNT = 8_900;

interface Made {
  readonly userId: string;
  readonly orderId: string;
}

/** An order in the books of the local WeChat Pay. */
interface WechatOrder {
  readonly order_id: string;
  readonly trade_state: string;
  readonly paid_amount?: number;
  readonly refunded_amount: number;
}

/** Must show 4, lessons 9, 33, 34, 38: whoever is faster, the payer or the close, there is one outcome, here and at WeChat Pay. */
describe('orders that are paid at the very moment they are closed', () => {
  let h: Harness;
  let promotionId: string;
  beforeAll(async () => {
    h = await startHarness({ CLAIMS_PER_MINUTE_PER_USER: '1000000' });
    promotionId = await openPromotion(h, { totalQuota: 1_000, budget: 1_000_000 });
  });
  afterAll(() => h.stop());

  const makeOrders = async (): Promise<readonly Made[]> => {
    const made: Made[] = [];
    const makeOne = async (): Promise<void> => {
      const userId = await registerUser(h);
      const { couponId } = await claim(h, userId, promotionId);
      const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
      made.push({ userId, orderId: order?.orderId ?? '' });
    };
    while (made.length < ORDERS) await Promise.all(Array.from({ length: 10 }, makeOne));
    return made;
  };

  /** Pays; every third notification is lost, so that only asking finds the money. */
  const pay = (orderId: string, index: number) =>
    h.control('/_control/pay', { order_id: orderId, drop: index % 3 === 0 });

  const untilClosing = (orderId: string): Promise<void> =>
    until('closing has begun', async () => {
      const rows = await h.db.query("SELECT 1 FROM orders WHERE id = ? AND status <> 'pending'", [orderId]);
      return rows.length > 0;
    });

  /** Waits until nothing is left to find out or to send back. The clock runs ahead, but not so far that signatures get old. */
  const settle = (orders: readonly Made[]): Promise<void> => {
    const ids = orders.map(({ orderId }) => orderId);
    return until(
      'everything is settled',
      async () => {
        if (!(await isBehind(h))) h.clock.advanceMs(5_000);
        const waiting = await h.db.query(
          "SELECT id FROM orders WHERE id IN (?) AND (next_check_time IS NOT NULL OR status NOT IN ('paid', 'closed'))",
          [ids],
        );
        const refunds = await h.db.query(
          "SELECT id FROM refunds WHERE order_id IN (?) AND status NOT IN ('succeeded', 'closed', 'failed')",
          [ids],
        );
        return waiting.length + refunds.length === 0;
      },
      SETTLED_WITHIN_MS,
    );
  };

  /** How one order ended, here and at WeChat Pay, in words; anything that may not be is spelled out. */
  const endOf = (order: Row, there: WechatOrder, payments: readonly Row[]): string => {
    const money = payments.map(({ status, amount }) => `${String(status)} ${String(amount)}`).join(', ');
    const coupon = `${String(order['coupon_status'])} ${order['holder'] === order['id'] ? 'by it' : 'by none'}`;
    const { trade_state: state, paid_amount: paid = 0, refunded_amount: refunded } = there;
    const books = `${state} ${paid} ${refunded}`;
    return `${String(order['status'])}; coupon ${coupon}; ours ${money}; WeChat ${books}`;
  };
  const PAID = `paid; coupon used by it; ours applied ${FINAL_AMOUNT}; WeChat SUCCESS ${FINAL_AMOUNT} 0`;
  const CLOSED = 'closed; coupon unused by none; ours ; WeChat CLOSED 0 0';
  const RETURNED =
    `closed; coupon unused by none; ours refunded ${FINAL_AMOUNT}; ` + `WeChat REFUND ${FINAL_AMOUNT} ${FINAL_AMOUNT}`;

  /** Compares every order with the books of WeChat Pay; how many ended which way. */
  const compare = async (orders: readonly Made[]) => {
    const ids = orders.map(({ orderId }) => orderId);
    const rows = await h.db.query(
      'SELECT o.id, o.status, c.status AS coupon_status, c.order_id AS holder FROM orders o ' +
        'JOIN user_coupons c ON c.id = o.coupon_id WHERE o.id IN (?)',
      [ids],
    );
    const payments = await h.db.query('SELECT order_id, status, amount FROM payments WHERE order_id IN (?)', [ids]);
    const books = (await (await fetch(`${h.simulatorUrl}/_control/books`)).json()) as { orders: WechatOrder[] };
    const there = new Map(books.orders.map((order) => [order.order_id, order]));
    const ends = rows.map((row) => {
      const known = there.get(String(row['id']));
      if (known === undefined) return `WeChat Pay does not know ${String(row['id'])}`;
      const own = payments.filter(({ order_id: orderId }) => orderId === row['id']);
      return endOf(row, known, own);
    });
    expect(ends).toHaveLength(orders.length);
    expect(ends.filter((end) => end !== PAID && end !== CLOSED && end !== RETURNED)).toEqual([]);
    const [paid, closed] = [PAID, CLOSED].map((end) => ends.filter((other) => other === end).length);
    return { paid: paid ?? 0, closed: closed ?? 0 };
  };

  const expectWhole = async (): Promise<void> => {
    expect((await checkPromotionsOf(h.db)).faults).toEqual([]);
    const wrong = await h.db.query(
      `SELECT o.id FROM orders o LEFT JOIN membership_periods m ON m.order_id = o.id
       WHERE (o.status = 'paid') <> (m.order_id IS NOT NULL)`,
    );
    expect(wrong).toEqual([]);
    const { locked = 0 } = await stockOf(h.db, promotionId);
    expect(locked).toBe(0);
  };

  test(`${ORDERS} of them cancelled: each paid with its coupon used, or closed with it free, or closed and refunded`, async () => {
    const orders = await makeOrders();
    const answers: OrderStatus[] = [];
    for (let first = 0; first < ORDERS; first += WAVE) {
      const wave = orders.slice(first, first + WAVE).map(async ({ userId, orderId }, index) => {
        const cancel = () => mustSucceed(cancelOrderCall(h, { userId, orderId }));
        // Every second payer sets out when closing has begun, so that he meets it there.
        const paying = index % 2 === 0 ? pay(orderId, index) : untilClosing(orderId).then(() => pay(orderId, index));
        const [{ order }] = await Promise.all([cancel(), paying]);
        answers.push(order?.status ?? OrderStatus.UNSPECIFIED);
      });
      await Promise.all(wave);
    }
    const known = [OrderStatus.CLOSED, OrderStatus.CLOSING, OrderStatus.PAID];
    expect(answers.filter((status) => !known.includes(status))).toEqual([]);
    expect(answers).toHaveLength(ORDERS);
    await settle(orders);
    const { paid, closed } = await compare(orders);
    expect([paid > 0, closed > 0]).toEqual([true, true]);
    await expectWhole();
  }, 120_000);

  test(`${ORDERS} of them expiring: likewise`, async () => {
    const orders = await makeOrders();
    const [last] = await h.db.query('SELECT MAX(expire_time) AS at FROM orders WHERE id IN (?)', [
      orders.map(({ orderId }) => orderId),
    ]);
    // All are just about to expire; it happens when the first payer has been served, and the others are on their way.
    h.clock.advanceMs((last?.['at'] as Date).getTime() - h.clock.now().getTime() - 30_000);
    const payments = orders.map(({ orderId }, index) => pay(orderId, index));
    await Promise.race(payments);
    h.clock.advanceMs(30_000);
    await Promise.all(payments);
    await settle(orders);
    const { paid, closed } = await compare(orders);
    expect([paid > 0, closed > 0]).toEqual([true, true]);
    await expectWhole();
  }, 120_000);
});
