import { mustSucceed } from '../support/clients';
import { createOrder, registerUser, startHarness, until, type Harness } from '../support/harness';
import { metric, moneyState } from '../support/observe';
import { createOrderCall, getOrderCall } from '../support/order-calls';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { newTransactionId, notify, paidNotification } from '../support/wechat-notifier';
import { readInfra } from '../support/infra';
import { proxied } from '../support/proxied';

/** Design §6, lessons 20, 38: money that was told is stored before it is answered, and applied sooner or later. */
describe('a payment notification when the database is in trouble', () => {
  let h: Harness;
  let proxy: TcpProxy;
  beforeAll(async () => {
    proxy = await startTcpProxy(readInfra().port);
    h = await startHarness({
      ...proxied.database(proxy),
      NOTIFICATION_APPLY_TIMEOUT_MS: '1000',
      LOCK_WAIT_TIMEOUT_MS: '3000',
      TRANSACTION_ATTEMPTS: '1',
    });
  });
  afterAll(async () => {
    await proxy.restore();
    await h.stop();
    await proxy.close();
  });

  const statusOf = async (orderId: string) =>
    (await h.db.query('SELECT status FROM orders WHERE id = ?', [orderId]))[0]?.['status'];

  /** How long the applier waits with a stored notification; 0 or less: it is due, or applied. */
  async function waitMsOf(transactionId: string): Promise<number> {
    const due = 'SELECT next_attempt_time AS time FROM wechatpay_notifications WHERE subject_id = ?';
    const time = (await h.db.query(due, [transactionId]))[0]?.['time'];
    return time instanceof Date ? time.getTime() - h.clock.now().getTime() : 0;
  }

  test('could not be stored: 503 and nothing happened; sent again when the database is back: applied once', async () => {
    const orderId = await createOrder(h, await registerUser(h));
    const before = await moneyState(h);
    const labels = { event: 'TRANSACTION.SUCCESS', result: 'not_stored' };
    const countBefore = await metric(h, 'billing_wechatpay_notifications_total', labels);
    const sent = paidNotification(h, { orderId });
    await proxy.refuse();
    expect(await notify(h, sent)).toEqual({ status: 503, code: 'FAIL' });
    expect((await fetch(`${h.internalUrl}/readyz`)).status).toBe(503);
    expect(await metric(h, 'billing_wechatpay_notifications_total', labels)).toBe(countBefore + 1);
    expect(await moneyState(h)).toEqual(before);

    await proxy.restore();
    expect(await notify(h, sent)).toEqual({ status: 204, code: undefined });
    await until('the order is paid', async () => (await statusOf(orderId)) === 'paid');
    const payments = await h.db.query('SELECT status FROM payments WHERE order_id = ?', [orderId]);
    expect(payments).toEqual([{ status: 'applied' }]);
    expect((await fetch(`${h.internalUrl}/readyz`)).status).toBe(200);
  });

  test('stored, but its order is locked beyond the budget: 204 all the same, and the attempt ends when it can', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const holder = await h.db.connect('root');
    await holder.query('START TRANSACTION');
    await holder.query('SELECT id FROM users WHERE id = ? FOR UPDATE', [userId]);
    const sent = paidNotification(h, { orderId });
    expect(await notify(h, sent)).toEqual({ status: 204, code: undefined });
    expect(await statusOf(orderId)).toBe('pending');
    const stored = 'SELECT status, apply_time FROM wechatpay_notifications WHERE subject_id = ?';
    expect(await h.db.query(stored, [sent.transactionId])).toEqual([{ status: 'received', apply_time: null }]);
    await holder.query('COMMIT');
    await holder.end();
    await until('the order is paid', async () => (await statusOf(orderId)) === 'paid');
  });

  test('stored, but the attempt failed: the applier finishes it from the inbox, and the status metric says so', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const holder = await h.db.connect('root');
    await holder.query('START TRANSACTION');
    await holder.query('SELECT id FROM users WHERE id = ? FOR UPDATE', [userId]);
    const paidBefore = await metric(h, 'billing_orders_total', { status: 'paid' });
    const failures = () => h.logs.filter((line) => line['level'] === 'error' && 'inboxId' in line).length;
    const failuresBefore = failures();
    const sent = paidNotification(h, { orderId });
    expect((await notify(h, sent)).status).toBe(204);
    await until('the attempt gave up', () => Promise.resolve(failures() > failuresBefore));
    await holder.query('COMMIT');
    await holder.end();
    expect(await statusOf(orderId)).toBe('pending');

    expect(await waitMsOf(sent.transactionId)).toBeLessThanOrEqual(11_000);
    await until('the applier has paid it', async () => {
      // An attempt that meets another lock is put off by more than a test may wait.
      h.clock.advanceMs(Math.max(0, await waitMsOf(sent.transactionId)));
      return (await statusOf(orderId)) === 'paid';
    });
    await until('it is counted', async () => {
      return (await metric(h, 'billing_orders_total', { status: 'paid' })) === paidBefore + 1;
    });
    const payments = await h.db.query('SELECT status FROM payments WHERE order_id = ?', [orderId]);
    expect(payments).toEqual([{ status: 'applied' }]);
  });

  test('refused before and locked beyond the budget now: 503, so that WeChat Pay sends again what no applier would', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const transactionId = newTransactionId();
    expect((await notify(h, paidNotification(h, { orderId, transactionId, amount: 1 }))).status).toBe(409);
    const before = await moneyState(h);
    const labels = { event: 'TRANSACTION.SUCCESS', result: 'not_applied' };
    const countBefore = await metric(h, 'billing_wechatpay_notifications_total', labels);
    const holder = await h.db.connect('root');
    await holder.query('START TRANSACTION');
    await holder.query('SELECT id FROM users WHERE id = ? FOR UPDATE', [userId]);
    const right = paidNotification(h, { orderId, transactionId });
    expect(await notify(h, right)).toEqual({ status: 503, code: 'FAIL' });
    expect(await metric(h, 'billing_wechatpay_notifications_total', labels)).toBe(countBefore + 1);
    expect(await moneyState(h)).toEqual(before);
    await holder.query('COMMIT');
    await holder.end();
    expect(await notify(h, right)).toEqual({ status: 204, code: undefined });
    expect(await statusOf(orderId)).toBe('paid');
    const payments = await h.db.query('SELECT status, amount FROM payments WHERE order_id = ?', [orderId]);
    expect(payments).toEqual([{ status: 'applied', amount: 9900 }]);
  });

  test('CreateOrder without a database is DATABASE_UNAVAILABLE with no effect, and works when it is back', async () => {
    const userId = await registerUser(h);
    const before = await moneyState(h);
    await proxy.refuse();
    const refused = await createOrderCall(h, { userId, requestId: 'r-1' });
    expect(refused).toMatchObject({ ok: false, code: 'UNAVAILABLE', reason: 'DATABASE_UNAVAILABLE' });
    expect(await moneyState(h)).toEqual(before);
    await proxy.restore();
    const made = await mustSucceed(createOrderCall(h, { userId, requestId: 'r-1' }));
    expect(made.replayed).toBe(false);
    expect((await mustSucceed(getOrderCall(h, userId, made.order?.orderId ?? ''))).order).toEqual(made.order);
  });
});
