import { OrderStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { mustSucceed } from '../../support/clients';
import { newId, registerUser, until, type Harness } from '../../support/harness';
import { cancelOrderCall, createOrderCall, getOrderCall, getOrderPaymentCall } from '../../support/order-calls';
import { startRecordedHarness, type RecordingProxy } from '../../support/recording-proxy';

let proxy: RecordingProxy;
let h: Harness;
beforeAll(async () => {
  ({ h, proxy } = await startRecordedHarness());
});
afterAll(() => h.stop());
afterEach(() => fetch(`${h.simulatorUrl}/_control/fault`, { method: 'DELETE' }));

/** Prepays of an order that reached WeChat Pay. */
function prepaysOf(orderId: string): number {
  const marked = `"out_trade_no":"${orderId}"`;
  return proxy.calls.filter(({ method, body }) => method === 'POST' && body.includes(marked)).length;
}

async function rowOf(orderId: string) {
  const [row] = await h.db.query('SELECT status, prepay_deadline FROM orders WHERE id = ?', [orderId]);
  return row ?? {};
}

async function openOrder() {
  const [userId, requestId] = [await registerUser(h), newId('order')];
  const { order } = await mustSucceed(createOrderCall(h, { userId, requestId }));
  return { userId, requestId, orderId: order?.orderId ?? '' };
}

/** Design §6: an order is closed only after every prepay has met its deadline; none leaves once it is closing. */
describe('opening the payment of an order that is being closed', () => {
  test('is refused with its state, and nothing is sent: neither for GetOrderPayment nor for a replay', async () => {
    const { userId, requestId, orderId } = await openOrder();
    await h.control('/_control/fault', { name: '500', times: 100, path: '/v3/pay/transactions/out-trade-no' });
    const { order } = await mustSucceed(cancelOrderCall(h, { userId, orderId }));
    expect(order?.status).toBe(OrderStatus.CLOSING);
    const before = await rowOf(orderId);
    const refused = await getOrderPaymentCall(h, userId, orderId);
    const metadata = { order_id: orderId, status: 'closing' };
    expect(refused).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'ORDER_NOT_PAYABLE', metadata });
    const replay = await mustSucceed(createOrderCall(h, { userId, requestId }));
    expect(replay).toMatchObject({ replayed: true, payment: undefined, order: { status: OrderStatus.CLOSING } });
    expect(prepaysOf(orderId)).toBe(1);
    expect(await rowOf(orderId)).toEqual(before);
  });

  test('is refused when closing began after the order was looked at: the row decides, under the lock', async () => {
    const { userId, orderId } = await openOrder();
    const other = await h.db.connect('app');
    await other.beginTransaction();
    await other.query('SELECT id FROM users WHERE id = ? FOR UPDATE', [userId]);
    const asking = getOrderPaymentCall(h, userId, orderId);
    await until('it waits for the lock', async () => {
      const statements = await h.db.query('SHOW FULL PROCESSLIST');
      return statements.some(({ Info }) => /for update/i.test(String(Info)) && String(Info).includes(userId));
    });
    await other.query("UPDATE orders SET status = 'closing', next_check_time = NULL WHERE id = ?", [orderId]);
    await other.commit();
    await other.end();
    expect(await asking).toMatchObject({ reason: 'ORDER_NOT_PAYABLE', metadata: { status: 'closing' } });
    expect(prepaysOf(orderId)).toBe(1);
  });

  test('says before it sends until when it may be under way: the row tells whoever closes it', async () => {
    const { userId, orderId } = await openOrder();
    const first = (await rowOf(orderId))['prepay_deadline'] as Date;
    await h.control('/_control/fault', { name: 'slow', times: 1, ms: 1_000, path: '/v3/pay/transactions/native' });
    const asking = getOrderPaymentCall(h, userId, orderId);
    await until('the prepay left', () => Promise.resolve(prepaysOf(orderId) === 2));
    const announced = (await rowOf(orderId))['prepay_deadline'] as Date;
    expect(announced.getTime()).toBeGreaterThan(first.getTime());
    expect(announced.getTime()).toBeGreaterThan(Date.now());
    await mustSucceed(asking);
  });

  test('must show 9: a prepay overtaken by a cancellation gives nothing to pay, but the state of the order', async () => {
    const [userId, requestId] = [await registerUser(h), newId('order')];
    await h.control('/_control/fault', { name: 'slow', times: 1, ms: 1_500, path: '/v3/pay/transactions/native' });
    const creating = createOrderCall(h, { userId, requestId });
    let orderId = '';
    await until('the prepay left', async () => {
      const [row] = await h.db.query('SELECT id FROM orders WHERE user_id = ?', [userId]);
      orderId = row === undefined ? '' : String(row['id']);
      return orderId !== '' && prepaysOf(orderId) === 1;
    });
    await mustSucceed(cancelOrderCall(h, { userId, orderId }));
    const refused = await creating;
    expect(refused).toMatchObject({ ok: false, code: 'FAILED_PRECONDITION', reason: 'ORDER_NOT_PAYABLE' });
    const statuses = ['closing', 'closed'];
    expect(statuses).toContain(refused.ok ? '' : refused.metadata['status']);
    h.clock.advanceMs(60_000);
    await until('it is closed', async () => {
      const { order } = await mustSucceed(getOrderCall(h, userId, orderId));
      return order?.status === OrderStatus.CLOSED;
    });
    expect(await h.control('/_control/pay', { order_id: orderId })).toMatchObject({ code: 'ORDER_CLOSED' });
    expect(await h.db.query('SELECT 1 FROM payments WHERE order_id = ?', [orderId])).toEqual([]);
  });

  test('30 orders cancelled while their payment is opened again and again: none can be paid afterwards', async () => {
    const orders = await Promise.all(Array.from({ length: 30 }, openOrder));
    await Promise.all(
      orders.flatMap(({ userId, orderId, requestId }) => [
        getOrderPaymentCall(h, userId, orderId),
        createOrderCall(h, { userId, requestId }),
        cancelOrderCall(h, { userId, orderId }),
        getOrderPaymentCall(h, userId, orderId),
      ]),
    );
    h.clock.advanceMs(60_000);
    for (const { userId, orderId } of orders) {
      await until('it is closed', async () => {
        const { order } = await mustSucceed(getOrderCall(h, userId, orderId));
        return order?.status === OrderStatus.CLOSED;
      });
      expect(await h.control('/_control/pay', { order_id: orderId })).toMatchObject({ code: 'ORDER_CLOSED' });
      expect(await getOrderPaymentCall(h, userId, orderId)).toMatchObject({ metadata: { status: 'closed' } });
    }
  });
});
