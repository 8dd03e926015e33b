import { OrderStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { mustSucceed } from '../../support/clients';
import { newId, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { cancelOrderCall, createOrderCall } from '../../support/order-calls';
import {
  couponOf,
  orderWithCoupon,
  readAuditWords,
  readEventTypes,
  readOrderRow,
  readPaymentWords,
  readWechatOrder,
} from '../../support/order-views';
import { readUserRows } from '../../support/user-rows';

const MINUTE_MS = 60_000;
const CLOSE_OR_QUERY = '/v3/pay/transactions/out-trade-no';

/** Design §6, 关闭订单, lessons 33, 36, 45, 48: an order is closed once WeChat Pay says so, and gives its coupon back. */
describe('closing an order', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness({ WECHATPAY_TOTAL_TIMEOUT_MS: '6000', WECHATPAY_BREAKER_OPEN_MS: '50' });
  });
  afterAll(() => h.stop());
  const clearFaults = () => fetch(`${h.simulatorUrl}/_control/fault`, { method: 'DELETE' });
  afterEach(clearFaults);

  const statusOf = async (orderId: string): Promise<unknown> => (await readOrderRow(h, orderId))['status'];
  const untilStatus = (orderId: string, status: string): Promise<void> =>
    until(`order ${status}`, async () => (await statusOf(orderId)) === status);
  const fault = (name: string, times: number, path = CLOSE_OR_QUERY) =>
    h.control('/_control/fault', { name, times, path });
  const pay = (orderId: string, more: object = {}) => h.control('/_control/pay', { order_id: orderId, ...more });

  describe('CancelOrder', () => {
    test('closes it here and at WeChat Pay, gives its coupon and budget back, and leaves its traces', async () => {
      const made = await orderWithCoupon(h);
      const { userId, orderId } = made;
      const { order, replayed } = await mustSucceed(cancelOrderCall(h, { userId, orderId, requestId: 'cancel-1' }));
      expect([order?.status, replayed]).toEqual([OrderStatus.CLOSED, false]);
      expect(await readOrderRow(h, orderId)).toMatchObject({ close_reason: 'cancelled', next_check_time: null });
      expect(await couponOf(h, made)).toBe('unused 0');
      expect(await readWechatOrder(h, orderId)).toMatchObject({ trade_state: 'CLOSED' });
      expect((await readAuditWords(h, orderId)).slice(-2)).toEqual(['CancelOrder cancel-1', 'CloseOrder close']);
      expect((await readEventTypes(h, orderId)).slice(-2)).toEqual(['order.closing', 'order.closed']);
      const [row] = await h.db.query("SELECT actor FROM audit_logs WHERE subject_id = ? AND action = 'CancelOrder'", [
        orderId,
      ]);
      expect(row).toEqual({ actor: 'spiffe://billing/order-service/order-service' });
      expect(await pay(orderId)).toMatchObject({ code: 'ORDER_CLOSED' });
    });

    test('a replay answers with the order as it is then; another request finds it closed, and changes nothing', async () => {
      const { userId, orderId } = await orderWithCoupon(h);
      await mustSucceed(cancelOrderCall(h, { userId, orderId, requestId: 'cancel-1' }));
      const before = await readUserRows(h.db, userId);
      const again = await mustSucceed(cancelOrderCall(h, { userId, orderId, requestId: 'cancel-1' }));
      expect(again).toMatchObject({ replayed: true, order: { status: OrderStatus.CLOSED } });
      const other = await cancelOrderCall(h, { userId, orderId });
      const metadata = { order_id: orderId, status: 'closed' };
      expect(other).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'ORDER_NOT_CANCELLABLE', metadata });
      expect(await readUserRows(h.db, userId)).toEqual(before);
    });

    test('refuses a paid order, an order of somebody else, and an id that was used otherwise', async () => {
      const { userId, orderId } = await orderWithCoupon(h);
      await pay(orderId);
      const refused = await cancelOrderCall(h, { userId, orderId });
      expect(refused).toMatchObject({ reason: 'ORDER_NOT_CANCELLABLE', metadata: { status: 'paid' } });
      const foreign = await cancelOrderCall(h, { userId: await registerUser(h), orderId });
      expect(foreign).toMatchObject({ code: 'NOT_FOUND', reason: 'ORDER_NOT_FOUND' });
      const requestId = newId('cancel');
      const orders = [];
      for (let i = 0; i < 2; i += 1) orders.push((await mustSucceed(createOrderCall(h, { userId }))).order?.orderId);
      await mustSucceed(cancelOrderCall(h, { userId, requestId, orderId: orders[0] ?? '' }));
      const reused = await cancelOrderCall(h, { userId, requestId, orderId: orders[1] ?? '' });
      expect(reused).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    });

    test('twenty at once close once: one coupon comes back, one event tells of it', async () => {
      const made = await orderWithCoupon(h);
      const { userId, orderId } = made;
      const replies = await Promise.all(Array.from({ length: 20 }, () => cancelOrderCall(h, { userId, orderId })));
      for (const reply of replies) if (!reply.ok) expect(reply.reason).toBe('ORDER_NOT_CANCELLABLE');
      expect(replies.some(({ ok }) => ok)).toBe(true);
      expect(await couponOf(h, made)).toBe('unused 0');
      expect((await readEventTypes(h, orderId)).filter((type) => /clos/.test(type))).toEqual([
        ...['order.closing', 'order.closed'],
      ]);
    });

    test('WeChat Pay away: CLOSING, the coupon stays held, and the job closes it without another call', async () => {
      const made = await orderWithCoupon(h);
      const { userId, orderId } = made;
      await fault('500', 1_000);
      const { order } = await mustSucceed(cancelOrderCall(h, { userId, orderId }));
      expect(order?.status).toBe(OrderStatus.CLOSING);
      expect(await couponOf(h, made)).toBe('locked 1000');
      await clearFaults();
      h.clock.advanceMs(MINUTE_MS);
      await untilStatus(orderId, 'closed');
      expect(await couponOf(h, made)).toBe('unused 0');
      expect(await readWechatOrder(h, orderId)).toMatchObject({ trade_state: 'CLOSED' });
    });

    test.each(['500-after', 'drop-after', 'unsigned', 'badsign'])(
      'a close that WeChat Pay did and whose answer is lost (%s) is asked about: it is closed in the end',
      async (name) => {
        const { userId, orderId } = await orderWithCoupon(h);
        await fault(name, 3, `${CLOSE_OR_QUERY}/${orderId}/close`);
        await mustSucceed(cancelOrderCall(h, { userId, orderId }));
        await clearFaults();
        h.clock.advanceMs(MINUTE_MS);
        await untilStatus(orderId, 'closed');
      },
    );

    test('the payer was faster, his callback was lost: PAID, with its coupon used', async () => {
      const made = await orderWithCoupon(h);
      const { userId, orderId } = made;
      await pay(orderId, { drop: true });
      const { order } = await mustSucceed(cancelOrderCall(h, { userId, orderId }));
      expect(order).toMatchObject({ status: OrderStatus.PAID, finalAmount: 8_900 });
      expect(await couponOf(h, made)).toBe('used 1000');
      expect(await readPaymentWords(h, orderId)).toEqual(['applied 8900']);
    });

    test('made by a process of 0.3.0, which writes no deadline: closed only once WeChat Pay has it closed', async () => {
      const { userId, orderId: template } = await orderWithCoupon(h);
      const orderId = newId('N').slice(0, 32);
      const row = await readOrderRow(h, template);
      const amount = row['final_amount'];
      const sold = { original_amount: amount, list_amount: amount, coupon_id: null, discount_amount: 0 };
      // By the machine's clock, which says how long a prepay may be under way; earlier tests moved the other.
      const createTime = new Date(Math.floor(Date.now() / 1_000) * 1_000 - MINUTE_MS);
      const missing = { prepay_deadline: null, next_check_time: null };
      const changes = { id: orderId, status: 'created', create_time: createTime, ...missing };
      const columns = Object.entries({ ...row, ...sold, ...changes });
      const names = columns.map(([name]) => name).join(', ');
      await h.db.query(`INSERT INTO orders (${names}) VALUES (?)`, [columns.map(([, value]) => value)]);
      const asked = { prepay_deadline: createTime, next_check_time: row['expire_time'] };
      expect(await readOrderRow(h, orderId)).toMatchObject(asked);
      const { order } = await mustSucceed(cancelOrderCall(h, { userId, orderId }));
      expect(order?.status).toBe(OrderStatus.CLOSED);
      expect(await readWechatOrder(h, orderId)).toMatchObject({ trade_state: 'CLOSED' });
    });
  });

  describe('an order that nobody pays in time', () => {
    test('is closed at its expiry, here and at WeChat Pay, and gives its coupon back', async () => {
      const made = await orderWithCoupon(h);
      const { orderId } = made;
      const { expire_time: expireTime } = await readOrderRow(h, orderId);
      h.clock.advanceMs((expireTime as Date).getTime() - h.clock.now().getTime());
      await untilStatus(orderId, 'closed');
      expect(await readOrderRow(h, orderId)).toMatchObject({ close_reason: 'expired', next_check_time: null });
      expect(await couponOf(h, made)).toBe('unused 0');
      expect(await readWechatOrder(h, orderId)).toMatchObject({ trade_state: 'CLOSED' });
    });

    test('that was paid at its last moment is paid, callback or not', async () => {
      const made = await orderWithCoupon(h);
      await pay(made.orderId, { drop: true });
      h.clock.advanceMs(31 * MINUTE_MS);
      await untilStatus(made.orderId, 'paid');
      expect(await couponOf(h, made)).toBe('used 1000');
    });

    test.each([
      ['paid', { order: 'order_paid' }],
      ['closed', { order: 'order_closed' }],
    ])('and that WeChat Pay says nothing of for an hour is shown to people, until it is %s', async (end, { order }) => {
      const made = await orderWithCoupon(h);
      const { orderId } = made;
      if (end === 'paid') await pay(orderId, { drop: true });
      await fault('500', 100_000);
      const alerts = () => h.db.query('SELECT kind, details, resolution FROM alerts WHERE subject_id = ?', [orderId]);
      const { expire_time: expireTime } = await readOrderRow(h, orderId);
      h.clock.advanceMs(31 * MINUTE_MS);
      await until('it was asked about', async () => Number((await readOrderRow(h, orderId))['check_attempts']) > 0);
      expect(await alerts()).toEqual([]);
      await until('it is shown', async () => {
        h.clock.advanceMs(MINUTE_MS);
        return (await alerts()).length > 0;
      });
      // It was never told to close: what can not be asked about is not closed.
      expect(await readOrderRow(h, orderId)).toMatchObject({ status: 'pending', closing_time: null });
      expect(await couponOf(h, made)).toBe('locked 1000');
      expect(h.clock.now().getTime() - (expireTime as Date).getTime()).toBeGreaterThanOrEqual(60 * MINUTE_MS);
      const [{ kind, details, resolution } = {}] = await alerts();
      const since = (expireTime as Date).toISOString();
      expect([kind, resolution]).toEqual(['order_stuck', '']);
      expect(JSON.parse(String(details))).toMatchObject({ status: 'pending', since });
      await clearFaults();
      h.clock.advanceMs(10 * MINUTE_MS);
      await untilStatus(orderId, end);
      expect(await alerts()).toMatchObject([{ kind: 'order_stuck', resolution: order }]);
    });

    test('and can not be closed for an hour is shown to people, until it is', async () => {
      const { orderId } = await orderWithCoupon(h);
      await fault('500', 100_000);
      h.clock.advanceMs(31 * MINUTE_MS);
      // The first question fails before closing can begin; only what can be asked is closed.
      await clearFaults();
      await fault('500', 100_000, `${CLOSE_OR_QUERY}/${orderId}/close`);
      await until('it is closing', async () => {
        h.clock.advanceMs(MINUTE_MS);
        return (await statusOf(orderId)) === 'closing';
      });
      const alerts = () => h.db.query('SELECT kind, resolution FROM alerts WHERE subject_id = ?', [orderId]);
      expect(await alerts()).toEqual([]);
      await until('it is shown', async () => {
        h.clock.advanceMs(MINUTE_MS);
        return (await alerts()).length > 0;
      });
      expect(await alerts()).toEqual([{ kind: 'order_stuck', resolution: '' }]);
      const { closing_time: since } = await readOrderRow(h, orderId);
      expect(h.clock.now().getTime() - (since as Date).getTime()).toBeGreaterThanOrEqual(60 * MINUTE_MS);
      await clearFaults();
      h.clock.advanceMs(10 * MINUTE_MS);
      await untilStatus(orderId, 'closed');
      expect(await alerts()).toEqual([{ kind: 'order_stuck', resolution: 'order_closed' }]);
    });
  });

  describe('must show 9: a close that overtakes a prepay still in flight', () => {
    const NATIVE = '/v3/pay/transactions/native';

    /** An order whose prepay lies somewhere between us and WeChat Pay, in all its attempts. */
    const holdPrepay = async () => {
      await fault('hold-before', 3, NATIVE);
      const [userId, requestId] = [await registerUser(h), newId('order')];
      const creating = createOrderCall(h, { userId, requestId });
      let orderId = '';
      await until('the prepay is under way', async () => {
        const [row] = await h.db.query('SELECT id FROM orders WHERE user_id = ?', [userId]);
        orderId = row === undefined ? '' : String(row['id']);
        const { held } = (await (await fetch(`${h.simulatorUrl}/_control/fault`)).json()) as { held: number };
        return orderId !== '' && held > 0;
      });
      return { userId, orderId, creating };
    };

    test('waits for it, then leaves nothing payable: what arrives later finds the order closed', async () => {
      const { userId, orderId, creating } = await holdPrepay();
      const { order } = await mustSucceed(cancelOrderCall(h, { userId, orderId }));
      expect(order?.status).toBe(OrderStatus.CLOSING);
      expect(await creating).toMatchObject({ ok: false });
      expect(await readWechatOrder(h, orderId)).toMatchObject({ code: 'ORDER_NOT_EXIST' });
      h.clock.advanceMs(MINUTE_MS);
      await untilStatus(orderId, 'closed');
      expect(await readWechatOrder(h, orderId)).toMatchObject({ trade_state: 'CLOSED', prepay_count: 1 });
      await clearFaults();
      await until('what was under way arrived', async () => {
        const { held } = (await (await fetch(`${h.simulatorUrl}/_control/fault`)).json()) as { held: number };
        return held === 0;
      });
      expect(await readWechatOrder(h, orderId)).toMatchObject({ trade_state: 'CLOSED', prepay_count: 1 });
      expect(await pay(orderId)).toMatchObject({ code: 'ORDER_CLOSED' });
      expect(await readPaymentWords(h, orderId)).toEqual([]);
    });

    test('and the prepay arriving first is closed with the order: no payment is handed out', async () => {
      const { userId, orderId, creating } = await holdPrepay();
      await mustSucceed(cancelOrderCall(h, { userId, orderId }));
      await clearFaults();
      const reply = await creating;
      expect(reply).toMatchObject({ ok: false, reason: 'ORDER_NOT_PAYABLE' });
      h.clock.advanceMs(MINUTE_MS);
      await untilStatus(orderId, 'closed');
      expect(await pay(orderId)).toMatchObject({ code: 'ORDER_CLOSED' });
    });
  });
});
