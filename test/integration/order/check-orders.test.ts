import { checkDueOrders } from '../../../src/order/check-due-orders.job';
import { checkOrder } from '../../../src/order/check-order';
import { OrderRow } from '../../../src/order/order.model';
import { WechatpayRefused } from '../../../src/payment';
import { mustSucceed } from '../../support/clients';
import { registerUser, startHarness, until, type Harness } from '../../support/harness';
import { createOrderCall } from '../../support/order-calls';
import { openOrderParts, type OrderParts } from '../../support/order-parts';
import {
  couponOf,
  orderWithCoupon,
  readAuditWords,
  readOrderRow,
  readPaymentWords,
  readWechatOrder,
} from '../../support/order-views';
import { readUserRows } from '../../support/user-rows';
import { notify, paidNotification } from '../../support/wechat-notifier';

const MINUTE_MS = 60_000;
const NATIVE = '/v3/pay/transactions/native';

/** R4.2, must show 5, lessons 38, 44, 48: what callbacks lose is found by asking WeChat Pay, and only its signed word counts. */
describe('asking WeChat Pay about an order', () => {
  let h: Harness;
  let parts: OrderParts;
  beforeAll(async () => {
    h = await startHarness({ WECHATPAY_TOTAL_TIMEOUT_MS: '3000', WECHATPAY_BREAKER_OPEN_MS: '50' });
    parts = openOrderParts(h);
  });
  afterAll(async () => {
    await parts.close();
    await h.stop();
  });
  afterEach(() => fetch(`${h.simulatorUrl}/_control/fault`, { method: 'DELETE' }));

  const statusOf = async (orderId: string): Promise<unknown> => (await readOrderRow(h, orderId))['status'];
  /** Moves on to the next check where one came to nothing, as it may on a busy machine: it is put off further than any runs. */
  const untilStatus = (orderId: string, status: string): Promise<void> =>
    until(`order ${status}`, async () => {
      const { status: now, next_check_time: next } = await readOrderRow(h, orderId);
      const pauseMs = next instanceof Date ? next.getTime() - h.clock.now().getTime() : 0;
      if (pauseMs > MINUTE_MS) h.clock.advanceMs(pauseMs);
      return now === status;
    });
  const pay = (orderId: string, more: object = {}) => h.control('/_control/pay', { order_id: orderId, ...more });
  const budget = { timeoutMs: 5_000 };
  /** An order whose caller saw a failure; it stays `created`. */
  const leftCreated = async (fault: string): Promise<string> => {
    const userId = await registerUser(h);
    await h.control('/_control/fault', { name: fault, times: 3, path: NATIVE });
    expect(await createOrderCall(h, { userId })).toMatchObject({ reason: 'WECHATPAY_UNAVAILABLE' });
    const [row] = await h.db.query('SELECT id FROM orders WHERE user_id = ?', [userId]);
    return String(row?.['id']);
  };

  test('callbacks off: a paid order is found, with its coupon used and its membership given, once', async () => {
    const made = await orderWithCoupon(h);
    await pay(made.orderId, { drop: true });
    h.clock.advanceMs(MINUTE_MS);
    await untilStatus(made.orderId, 'paid');
    expect(await readPaymentWords(h, made.orderId)).toEqual(['applied 8900']);
    expect(await couponOf(h, made)).toBe('used 1000');
    const [user] = await h.db.query('SELECT quota_remaining FROM users WHERE id = ?', [made.userId]);
    expect(user).toEqual({ quota_remaining: 510 });
    expect(await readOrderRow(h, made.orderId)).toMatchObject({ next_check_time: null });
    // The callback that was lost comes after all.
    const before = await readUserRows(h.db, made.userId);
    expect(await pay(made.orderId)).toMatchObject({ deliveries: [{ status: 204 }] });
    expect(await readUserRows(h.db, made.userId)).toEqual(before);
  });

  test('a check that came to nothing leaves the order as it is, and is made again later', async () => {
    const { orderId } = await orderWithCoupon(h);
    await pay(orderId, { drop: true });
    await h.control('/_control/fault', { name: '500', times: 3, path: '/v3/pay/transactions/out-trade-no' });
    h.clock.advanceMs(MINUTE_MS);
    await untilStatus(orderId, 'paid');
    expect(await readOrderRow(h, orderId)).toMatchObject({ check_attempts: 2 });
  });

  test('one that nobody paid yet stays as it is, and is asked about again later and later', async () => {
    const { orderId } = await orderWithCoupon(h);
    const dueIn = async (): Promise<number> => {
      const { next_check_time: next, create_time: from } = await readOrderRow(h, orderId);
      return (next as Date).getTime() - (from as Date).getTime();
    };
    expect(await dueIn()).toBeGreaterThanOrEqual(3_000);
    for (const attempts of [1, 2, 3]) {
      h.clock.advanceMs(5 * MINUTE_MS);
      await until('it was asked about', async () => {
        const row = await readOrderRow(h, orderId);
        const pauseMs = (row['next_check_time'] as Date).getTime() - h.clock.now().getTime();
        // While it is being asked about, it is due when the lease ends, which is at another time.
        const isWritten = Math.abs(pauseMs - Math.min(5, 2 ** attempts) * MINUTE_MS) < 5_000;
        return row['check_attempts'] === attempts && isWritten;
      });
    }
    expect(await statusOf(orderId)).toBe('pending');
    expect((await readAuditWords(h, orderId)).at(-1)).toBe('OpenPayment prepay');
  });

  test.each(['500', 'drop'])('a prepay that never arrived (%s) is repeated: the order is open', async (fault) => {
    const orderId = await leftCreated(fault);
    expect(await readWechatOrder(h, orderId)).toMatchObject({ code: 'ORDER_NOT_EXIST' });
    h.clock.advanceMs(MINUTE_MS);
    await untilStatus(orderId, 'pending');
    expect(await readWechatOrder(h, orderId)).toMatchObject({ trade_state: 'NOTPAY', prepay_count: 1 });
  });

  test.each(['500-after', 'unsigned'])('one that arrived, its answer lost (%s), is not repeated', async (fault) => {
    const orderId = await leftCreated(fault);
    const { prepay_count: prepays } = await readWechatOrder(h, orderId);
    h.clock.advanceMs(MINUTE_MS);
    await untilStatus(orderId, 'pending');
    expect(await readWechatOrder(h, orderId)).toMatchObject({ prepay_count: prepays });
  });

  test('closed at WeChat Pay by somebody else: closed here, with its coupon free', async () => {
    const made = await orderWithCoupon(h);
    await parts.wechatpay.closeOrder(made.orderId, budget);
    h.clock.advanceMs(MINUTE_MS);
    await untilStatus(made.orderId, 'closed');
    expect(await readOrderRow(h, made.orderId)).toMatchObject({ close_reason: 'closed_elsewhere' });
    expect(await couponOf(h, made)).toBe('unused 0');
  });

  test('must show 7: a wrong amount is refused when it is told, and goes back when it is asked about', async () => {
    const made = await orderWithCoupon(h);
    const { orderId, userId } = made;
    const paid = await pay(orderId, { amount: 1 });
    expect(paid['deliveries']).toMatchObject([{ status: 409 }]);
    expect(await readPaymentWords(h, orderId)).toEqual([]);
    expect(await statusOf(orderId)).toBe('pending');
    h.clock.advanceMs(MINUTE_MS);
    await untilStatus(orderId, 'closed');
    expect(await readOrderRow(h, orderId)).toMatchObject({ close_reason: 'wrong_amount', paid_time: null });
    expect(await couponOf(h, made)).toBe('unused 0');
    const alerts = await h.db.query('SELECT kind, occurrences, resolution FROM alerts WHERE subject_id = ?', [orderId]);
    expect(alerts).toMatchObject([{ kind: 'payment_mismatch', resolution: '' }]);
    // Told, asked about, and perhaps told once more in between.
    expect([2, 3]).toContain(alerts[0]?.['occurrences']);
    await until('the money went back', async () => {
      h.clock.advanceMs(MINUTE_MS);
      return (await readPaymentWords(h, orderId)).join() === 'refunded 1';
    });
    expect(await readWechatOrder(h, orderId)).toMatchObject({ paid_amount: 1, refunded_amount: 1 });
    const [user] = await h.db.query('SELECT quota_remaining FROM users WHERE id = ?', [userId]);
    expect(user).toEqual({ quota_remaining: 10 });
  });

  test('a wrong amount that is told again does not put the question off', async () => {
    const { orderId } = await orderWithCoupon(h);
    const told = paidNotification(h, { orderId, amount: 1 });
    expect((await notify(h, told)).status).toBe(409);
    const { next_check_time: due } = await readOrderRow(h, orderId);
    h.clock.advanceMs(1_000);
    expect((await notify(h, told)).status).toBe(409);
    expect(await readOrderRow(h, orderId)).toMatchObject({ next_check_time: due });
  });

  test('a wrong amount that was told, while its own books hold the right one: paid, and nobody need look any more', async () => {
    const { orderId } = await orderWithCoupon(h);
    const { transaction_id: paidAs } = await pay(orderId, { drop: true });
    const transactionId = String(paidAs);
    const told = await notify(h, paidNotification(h, { orderId, transactionId, amount: 1 }));
    expect(told.status).toBe(409);
    const alerts = () => h.db.query('SELECT kind, resolution FROM alerts WHERE subject_id = ?', [orderId]);
    expect(await alerts()).toEqual([{ kind: 'payment_mismatch', resolution: '' }]);
    h.clock.advanceMs(MINUTE_MS);
    await untilStatus(orderId, 'paid');
    expect(await alerts()).toEqual([{ kind: 'payment_mismatch', resolution: 'order_paid' }]);
  });

  test('a wrong amount of other money stays with people, though the order is paid', async () => {
    const { orderId } = await orderWithCoupon(h);
    expect((await notify(h, paidNotification(h, { orderId, amount: 1 }))).status).toBe(409);
    await pay(orderId);
    expect(await statusOf(orderId)).toBe('paid');
    const alerts = await h.db.query('SELECT kind, resolution FROM alerts WHERE subject_id = ?', [orderId]);
    expect(alerts).toEqual([{ kind: 'payment_mismatch', resolution: '' }]);
  });

  test('callbacks off: money that went back in the merchant portal before it was found is shown to people', async () => {
    const { orderId, userId } = await orderWithCoupon(h);
    await pay(orderId, { drop: true });
    await h.control('/_control/refund', { order_id: orderId, drop: true });
    expect(await readWechatOrder(h, orderId)).toMatchObject({ trade_state: 'REFUND' });
    h.clock.advanceMs(MINUTE_MS);
    await untilStatus(orderId, 'paid');
    const sql = 'SELECT kind, severity, user_id, details FROM alerts WHERE subject_id = ?';
    const [alert, ...more] = await h.db.query(sql, [orderId]);
    expect([alert, more]).toMatchObject([{ kind: 'refund_unmatched', severity: 'critical', user_id: userId }, []]);
    expect(JSON.parse(String(alert?.['details']))).toMatchObject({ reason: 'refunded_before_paid', amount: 8_900 });
  });

  test('a wrong amount of a lost callback goes back all the same', async () => {
    const { orderId } = await orderWithCoupon(h);
    await pay(orderId, { amount: 1, drop: true });
    h.clock.advanceMs(MINUTE_MS);
    await untilStatus(orderId, 'closed');
    expect((await readPaymentWords(h, orderId))[0]).toMatch(/^refund(ing|ed) 1$/);
  });

  describe('an unsigned "does not exist"', () => {
    const refusing = (isVerified: boolean): OrderParts => {
      const queryOrder = () => Promise.reject(new WechatpayRefused(404, 'ORDER_NOT_EXIST', null, isVerified));
      return { ...parts, wechatpay: { ...parts.wechatpay, queryOrder } };
    };

    test.each([false, true])(
      'closes nothing, nor does a signed one (signed: %p): it is closed there first',
      async (signed) => {
        const made = await orderWithCoupon(h);
        const { expire_time: expireTime } = await readOrderRow(h, made.orderId);
        const clock = { now: () => expireTime as Date, machineNow: () => new Date(Date.now() + MINUTE_MS) };
        const order = await checkOrder({ ...refusing(signed), clock }, made.orderId, budget);
        expect(order.status).toBe('closing');
        expect(await couponOf(h, made)).toBe('locked 1000');
        // It exists, and was told to close, for whatever may be under way.
        expect(await readWechatOrder(h, made.orderId)).toMatchObject({ trade_state: 'CLOSED' });
        expect((await checkOrder(parts, made.orderId, budget)).status).toBe('closed');
        expect(await couponOf(h, made)).toBe('unused 0');
      },
    );

    describe('while its prepay is refused for a reason that is not for good', () => {
      let checks = 0;
      /** A check at some minutes after closing began, by WeChat Pay's word or by anybody's. */
      const checkAt = async (orderId: string, minutes: number, code: string, [asked, opened]: readonly boolean[]) => {
        const { closing_time: since, expire_time: expiry } = await readOrderRow(h, orderId);
        const now = new Date(((since ?? expiry) as Date).getTime() + minutes * MINUTE_MS);
        // Each finds the prepay of the one before given up.
        checks += 1;
        const machineNow = new Date(Date.now() + checks * MINUTE_MS);
        const clock = { now: () => now, machineNow: () => machineNow };
        const refuse = (status: number, why: string, isVerified = false) =>
          Promise.reject(new WechatpayRefused(status, why, null, isVerified));
        const wechatpay = {
          queryOrder: () => refuse(404, 'ORDER_NOT_EXIST', asked),
          prepay: () => refuse(400, code, opened),
          closeOrder: () => refuse(404, 'ORDER_NOT_EXIST', true),
        };
        return (await checkOrder({ ...parts, wechatpay, clock }, orderId, budget)).status;
      };

      test.each(['INVALID_REQUEST', 'NO_AUTH'])(
        '(%s) closes it after an hour: its coupon is not lost',
        async (code) => {
          const made = await orderWithCoupon(h);
          const signed = [true, true];
          for (const minutes of [0, 59]) expect(await checkAt(made.orderId, minutes, code, signed)).toBe('closing');
          for (const unsigned of [
            [true, false],
            [false, true],
          ]) {
            expect(await checkAt(made.orderId, 90, code, unsigned)).toBe('closing');
          }
          expect(await couponOf(h, made)).toBe('locked 1000');
          expect(await checkAt(made.orderId, 60, code, signed)).toBe('closed');
          expect(await couponOf(h, made)).toBe('unused 0');
        },
      );

      test.each(['ORDER_PAID', 'ORDER_CLOSED', 'OUT_TRADE_NO_USED'])(
        'a refusal that knows the order (%s) never does',
        async (code) => {
          const made = await orderWithCoupon(h);
          for (const minutes of [0, 90]) {
            expect(await checkAt(made.orderId, minutes, code, [true, true])).toBe('closing');
          }
          expect(await couponOf(h, made)).toBe('locked 1000');
        },
      );
    });

    test('does not close an order that is paid there', async () => {
      const made = await orderWithCoupon(h);
      await pay(made.orderId, { drop: true });
      const { expire_time: expireTime } = await readOrderRow(h, made.orderId);
      const clock = { now: () => expireTime as Date, machineNow: () => new Date(Date.now() + MINUTE_MS) };
      const order = await checkOrder({ ...refusing(false), clock }, made.orderId, budget);
      expect(order.status).toBe('closing');
      expect((await checkOrder(parts, made.orderId, budget)).status).toBe('paid');
    });
  });

  test('lesson 9: of twenty that take up the same due order, one asks; a failure leaves it due', async () => {
    const { orderId } = await orderWithCoupon(h);
    const due = await OrderRow.query(parts.db.knex).findById(orderId).throwIfNotFound();
    const clock = { now: () => due.expireTime, machineNow: () => h.clock.machineNow() };
    let asked = 0;
    const queryOrder = () => {
      asked += 1;
      return Promise.reject(new Error('away'));
    };
    const job = checkDueOrders({ ...parts, clock, wechatpay: { ...parts.wechatpay, queryOrder } }, 1);
    const never = new AbortController().signal;
    await Promise.all(Array.from({ length: 20 }, () => job.run(orderId, never)));
    expect(asked).toBe(1);
    const row = await readOrderRow(h, orderId);
    expect(row).toMatchObject({ status: 'pending', check_attempts: 1 });
    expect((row['next_check_time'] as Date).getTime()).toBe(due.expireTime.getTime() + 2 * MINUTE_MS);
  });

  test('an order that is not there at all is no reason to stop', async () => {
    const { order } = await mustSucceed(createOrderCall(h, { userId: await registerUser(h) }));
    await expect(checkOrder(parts, 'NO-SUCH-ORDER', budget)).rejects.toThrow();
    expect((await checkOrder(parts, order?.orderId ?? '', budget)).status).toBe('pending');
  });
});
