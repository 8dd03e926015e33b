import { applyTransaction } from '../../../src/order/apply-payment';
import { moveOrder } from '../../../src/order/move-order';
import { OrderRow } from '../../../src/order/order.model';
import type { OrderEvent, OrderStatus } from '../../../src/order/order-state';
import type { WechatpayTransaction } from '../../../src/payment';
import { fen } from '../../../src/platform/money';
import { applyRefund, type RefundParts } from '../../../src/refund';
import { claim, openPromotion, stockOf } from '../../support/promotions';
import { registerUser, startHarness, type Harness } from '../../support/harness';
import { createOrderCall } from '../../support/order-calls';
import { openOrderParts, type OrderParts } from '../../support/order-parts';
import {
  couponOf,
  readAuditWords,
  readEventTypes,
  readOrderRow,
  readPaymentWords,
  type OrderWithCoupon,
} from '../../support/order-views';
import { digestTables } from '../../support/table-digest';
import { newTransactionId } from '../../support/wechat-notifier';
import { moneyState } from '../../support/observe';

const STATUSES = ['created', 'pending', 'closing', 'paid', 'closed', 'failed', 'refunded'] as const;
const EVENTS = ['prepaid', 'prepay_refused', 'paid', 'close_requested', 'closed', 'refunded'] as const;

/** What an event leaves where it may happen: the order, its coupon with the budget, the last audit row, the last event. */
interface Left {
  readonly status: OrderStatus;
  readonly coupon: 'locked 1000' | 'unused 0' | 'used 1000';
  readonly audit: string;
  readonly event: string;
}

const PENDING: Left = { status: 'pending', coupon: 'locked 1000', audit: 'OpenPayment', event: 'order.pending' };
const FAILED: Left = { status: 'failed', coupon: 'unused 0', audit: 'OpenPayment', event: 'order.failed' };
const PAID: Left = { status: 'paid', coupon: 'used 1000', audit: 'MarkOrderPaid', event: 'order.paid' };
const CLOSING: Left = { status: 'closing', coupon: 'locked 1000', audit: 'CloseOrder', event: 'order.closing' };
const CLOSED: Left = { status: 'closed', coupon: 'unused 0', audit: 'CloseOrder', event: 'order.closed' };
const REFUNDED: Left = { status: 'refunded', coupon: 'unused 0', audit: 'CountRefund', event: 'order.refunded' };

const LEGAL: Readonly<Record<OrderStatus, Partial<Record<OrderEvent, Left>>>> = {
  created: { prepaid: PENDING, prepay_refused: FAILED, paid: PAID, close_requested: CLOSING, closed: CLOSED },
  pending: { paid: PAID, close_requested: CLOSING, closed: CLOSED },
  closing: { paid: PAID, closed: CLOSED },
  paid: { refunded: REFUNDED },
  closed: {},
  failed: {},
  refunded: {},
};

/** Must show 3: every event in every state through the functions that the service uses; what may not happen changes nothing. */
describe('the life of an order', () => {
  let h: Harness;
  let parts: OrderParts;
  let refunds: RefundParts;
  beforeAll(async () => {
    // No worker: nothing moves but what the test moves.
    h = await startHarness({ BILLING_ROLE: 'rpc' });
    parts = openOrderParts(h);
    const told = { notifyUrl: parts.refundNotifyUrl, onStatus: () => undefined, onOrderStatus: () => undefined };
    refunds = { ...parts, ...told, compensationGraceDays: 7 };
  });
  afterAll(async () => {
    await parts.close();
    await h.stop();
  });

  const rowOf = async (orderId: string): Promise<OrderRow> =>
    OrderRow.query(parts.db.knex).findById(orderId).throwIfNotFound();

  const transactionOf = (orderId: string, amount = 8_900): WechatpayTransaction => ({
    ...parts.merchant,
    outTradeNo: orderId,
    transactionId: newTransactionId(),
    tradeState: 'SUCCESS',
    tradeType: 'NATIVE',
    bankType: 'OTHERS',
    successTime: h.clock.now(),
    amountTotal: fen(amount),
    payerTotal: fen(amount),
    currency: 'CNY',
    providerDiscounts: [],
  });

  const happen: Readonly<Record<OrderEvent, (orderId: string) => Promise<unknown>>> = {
    prepaid: async (orderId) => moveOrder(parts, await rowOf(orderId), 'prepaid'),
    prepay_refused: async (orderId) => moveOrder(parts, await rowOf(orderId), 'prepay_refused'),
    close_requested: async (orderId) => moveOrder(parts, await rowOf(orderId), 'close_requested', 'cancelled'),
    closed: async (orderId) => moveOrder(parts, await rowOf(orderId), 'closed', 'closed_elsewhere'),
    paid: (orderId) => applyTransaction(parts, transactionOf(orderId), h.clock.now()),
    refunded: async (orderId) => {
      const { transactionId } = await rowOf(orderId);
      const paid = transactionId ?? newTransactionId();
      const ids = { refundId: newTransactionId(), outRefundNo: newTransactionId(), transactionId: paid };
      const amounts = { amount: fen(8_900), total: fen(8_900), successTime: h.clock.now() };
      await applyRefund(refunds, { outTradeNo: orderId, ...ids, status: 'SUCCESS', ...amounts }, h.clock.now());
    },
  };

  /** What leads from `created`, where every order begins, to a status. */
  const WAYS: Readonly<Record<OrderStatus, readonly OrderEvent[]>> = {
    created: [],
    pending: ['prepaid'],
    closing: ['prepaid', 'close_requested'],
    paid: ['prepaid', 'paid'],
    closed: ['prepaid', 'close_requested', 'closed'],
    failed: ['prepay_refused'],
    refunded: ['prepaid', 'paid', 'refunded'],
  };

  /** An order with a coupon in a status. */
  const orderIn = async (status: OrderStatus): Promise<OrderWithCoupon> => {
    const promotionId = await openPromotion(h, { budget: 100_000, returnedOnRefund: true });
    const userId = await registerUser(h);
    const { couponId } = await claim(h, userId, promotionId);
    await h.control('/_control/fault', { name: '500', times: 3 });
    expect(await createOrderCall(h, { userId, couponId })).toMatchObject({ reason: 'WECHATPAY_UNAVAILABLE' });
    const [row] = await h.db.query('SELECT id FROM orders WHERE user_id = ?', [userId]);
    const orderId = String(row?.['id']);
    for (const event of WAYS[status]) await happen[event](orderId);
    expect((await rowOf(orderId)).status).toBe(status);
    return { promotionId, userId, couponId, orderId };
  };

  const pairs = STATUSES.flatMap((status) => EVENTS.map((event) => ({ status, event, left: LEGAL[status][event] })));
  const legal = pairs.flatMap(({ left, ...pair }) => (left === undefined ? [] : [{ ...pair, left }]));
  const illegal = pairs.filter(({ left, event }) => left === undefined && event !== 'paid' && event !== 'refunded');
  const unawaited = pairs.filter(({ left, event }) => left === undefined && event === 'paid');
  const unknownRefunds = pairs.filter(({ left, event }) => left === undefined && event === 'refunded');

  test('every pair is tried', () => {
    const tried = legal.length + illegal.length + unawaited.length + unknownRefunds.length;
    expect([tried, legal.length]).toEqual([STATUSES.length * EVENTS.length, 11]);
  });

  test.each(legal)('$status + $event moves the order and its coupon, with an audit row and an event', async (pair) => {
    const made = await orderIn(pair.status);
    await happen[pair.event](made.orderId);
    const row = await readOrderRow(h, made.orderId);
    const audit = (await readAuditWords(h, made.orderId)).at(-1)?.split(' ')[0];
    const event = (await readEventTypes(h, made.orderId)).filter((type) => type.startsWith('order.')).at(-1);
    expect({ status: row['status'], coupon: await couponOf(h, made), audit, event }).toEqual(pair.left);
    expect((await stockOf(h.db, made.promotionId))['claimed']).toBe(1);
    // Something is left to find out exactly while it waits for payment.
    expect(row['next_check_time'] !== null).toBe(['created', 'pending', 'closing'].includes(pair.left.status));
  });

  test.each(illegal)('$status + $event is refused and changes nothing', async ({ status, event }) => {
    const { orderId } = await orderIn(status);
    const before = await moneyState(h);
    await happen[event](orderId);
    expect(await moneyState(h)).toEqual(before);
  });

  test.each(unawaited)('$status + money: the order stays as it is, and the money goes back', async ({ status }) => {
    const made = await orderIn(status);
    const tables = [
      'orders',
      'users',
      'quota_logs',
      'quota_grants',
      'membership_periods',
      'user_coupons',
      'promotions',
    ];
    const before = await digestTables(h.db, tables);
    const payments = await readPaymentWords(h, made.orderId);
    await happen.paid(made.orderId);
    expect(await digestTables(h.db, tables)).toEqual(before);
    expect(await readPaymentWords(h, made.orderId)).toEqual([...payments, 'refunding 8900']);
    const sent = await h.db.query("SELECT amount FROM refunds WHERE order_id = ? AND cause = 'automatic'", [
      made.orderId,
    ]);
    expect(sent).toEqual([{ amount: 8_900 }]);
    const alerts = await h.db.query("SELECT 1 FROM alerts WHERE user_id = ? AND kind = 'payment_not_awaited'", [
      made.userId,
    ]);
    expect(alerts).toHaveLength(1);
  });

  test.each(unknownRefunds)('$status + a refund that nothing is left for changes nothing', async ({ status }) => {
    const { orderId } = await orderIn(status);
    const before = await moneyState(h);
    await happen.refunded(orderId);
    expect(await moneyState(h)).toEqual(before);
  });

  test('the same money told again, by whoever, changes nothing more', async () => {
    const { orderId } = await orderIn('pending');
    const transaction = transactionOf(orderId);
    const now = h.clock.now();
    expect(await applyTransaction(parts, transaction, now)).toEqual({ kind: 'paid' });
    const before = await moneyState(h);
    const again = await Promise.all(Array.from({ length: 10 }, () => applyTransaction(parts, transaction, now)));
    expect(again).toEqual(Array(10).fill({ kind: 'recorded' }));
    expect(await moneyState(h)).toEqual(before);
  });

  test.each(['created', 'pending', 'closing'] as const)(
    '%s + another amount: closed, and the money goes back',
    async (status) => {
      const made = await orderIn(status);
      const effect = await applyTransaction(parts, transactionOf(made.orderId, 9_900), h.clock.now());
      expect(effect).toEqual({ kind: 'returned', reason: 'wrong_amount' });
      const row = await readOrderRow(h, made.orderId);
      // One that was being closed keeps its reason.
      const reason = status === 'closing' ? 'cancelled' : 'wrong_amount';
      expect(row).toMatchObject({ status: 'closed', close_reason: reason, next_check_time: null, paid_time: null });
      expect(await couponOf(h, made)).toBe('unused 0');
      expect(await readPaymentWords(h, made.orderId)).toEqual(['refunding 9900']);
    },
  );
});
