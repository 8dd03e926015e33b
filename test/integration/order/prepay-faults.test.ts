import { OrderStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { mustSucceed } from '../../support/clients';
import { newId, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { claim, openPromotion, stockOf } from '../../support/promotions';
import { codeUrlOf, createOrderCall, getOrderCall, getOrderPaymentCall } from '../../support/order-calls';

/** Lessons 44, 45, 48: what WeChat Pay did is unknown until it says so under its signature; a repeat heals it. */
describe('a prepay that goes wrong', () => {
  let h: Harness;
  let userId: string;
  beforeAll(async () => {
    h = await startHarness({ WECHATPAY_TOTAL_TIMEOUT_MS: '2500' });
    userId = await registerUser(h);
  });
  afterAll(() => h.stop());
  afterEach(() => fetch(`${h.simulatorUrl}/_control/fault`, { method: 'DELETE' }));

  const orderOf = async (requestId: string) => {
    const rows = await h.db.query(
      "SELECT o.id, o.status, o.final_amount FROM orders o JOIN request_keys k ON JSON_VALUE(k.response, '$.orderId') = o.id WHERE k.request_id = ?",
      [requestId],
    );
    return rows[0] ?? {};
  };

  test.each(['500', '500-after', '429', '202', 'html-502', 'drop', 'drop-after', 'slow', 'unsigned', 'badsign'])(
    '%s: WECHATPAY_UNAVAILABLE, the order stays created, the same request_id heals it',
    async (name) => {
      const requestId = newId('order');
      await h.control('/_control/fault', { name, times: 3, ms: 60_000 });
      const refused = await createOrderCall(h, { userId, requestId });
      expect(refused).toMatchObject({ ok: false, code: 'UNAVAILABLE', reason: 'WECHATPAY_UNAVAILABLE' });
      const left = await orderOf(requestId);
      expect(left).toMatchObject({ status: 'created', final_amount: 9900 });
      expect(await h.db.query('SELECT 1 FROM payments WHERE order_id = ?', [left['id']])).toEqual([]);

      await fetch(`${h.simulatorUrl}/_control/fault`, { method: 'DELETE' });
      const healed = await mustSucceed(createOrderCall(h, { userId, requestId }));
      expect(healed).toMatchObject({ replayed: true, order: { orderId: left['id'], status: OrderStatus.PENDING } });
      expect(codeUrlOf(healed.payment)).toMatch(/^weixin:/);
    },
  );

  test('one failure is repeated within the call, so that the caller does not see it', async () => {
    await h.control('/_control/fault', { name: '500-after', times: 1 });
    const { order, replayed } = await mustSucceed(createOrderCall(h, { userId }));
    expect([order?.status, replayed]).toEqual([OrderStatus.PENDING, false]);
  });

  test('paid before the answer to the prepay came: created → paid, and the caller gets the paid order', async () => {
    const requestId = newId('order');
    await h.control('/_control/fault', { name: 'slow', times: 1, ms: 600 });
    const creating = createOrderCall(h, { userId, requestId });
    let paid: Record<string, unknown> = {};
    await until('WeChat Pay knows the order', async () => {
      const { id } = await orderOf(requestId);
      if (id === undefined) return false;
      paid = await h.control('/_control/pay', { order_id: id });
      return 'transaction_id' in paid;
    });
    expect(paid['deliveries']).toEqual([{ status: 204, body: '' }]);
    const { id } = await orderOf(requestId);
    const audit = await h.db.query(
      "SELECT before_state FROM audit_logs WHERE subject_id = ? AND action = 'MarkOrderPaid'",
      [id],
    );
    expect(audit).toEqual([{ before_state: '{"status":"created"}' }]);
    const created = await mustSucceed(creating);
    expect(created).toMatchObject({ replayed: false, payment: undefined, order: { status: OrderStatus.PAID } });
    const payment = await getOrderPaymentCall(h, userId, String(id));
    expect(payment).toMatchObject({ ok: false, reason: 'ORDER_NOT_PAYABLE', metadata: { status: 'paid' } });
  });

  test('paid at WeChat Pay while its notification is lost: a fresh code is refused, the order is not failed', async () => {
    const { order } = await mustSucceed(createOrderCall(h, { userId }));
    const orderId = order?.orderId ?? '';
    await h.control('/_control/pay', { order_id: orderId, drop: true });
    const reply = await getOrderPaymentCall(h, userId, orderId);
    expect(reply).toMatchObject({ ok: false, code: 'FAILED_PRECONDITION', reason: 'ORDER_NOT_PAYABLE' });
    expect((await mustSucceed(getOrderCall(h, userId, orderId))).order?.status).toBe(OrderStatus.PENDING);
  });
});

describe('a prepay that WeChat Pay refuses under its signature', () => {
  let h: Harness;
  beforeAll(async () => {
    // WeChat Pay takes no query string here.
    h = await startHarness({ WECHATPAY_NOTIFY_URL: 'http://127.0.0.1:1/notify?a=1' });
  });
  afterAll(() => h.stop());

  test('PARAM_ERROR fails the order for good; a replay shows it failed, and no money was asked for', async () => {
    const userId = await registerUser(h);
    const requestId = newId('order');
    const refused = await createOrderCall(h, { userId, requestId });
    expect(refused).toMatchObject({ ok: false, reason: 'ORDER_NOT_PAYABLE', metadata: { status: 'failed' } });
    const again = await mustSucceed(createOrderCall(h, { userId, requestId }));
    expect(again).toMatchObject({ replayed: true, payment: undefined, order: { status: OrderStatus.FAILED } });
    expect(await h.db.query('SELECT 1 FROM payments WHERE user_id = ?', [userId])).toEqual([]);
    const line = h.logs.find((entry) => entry['level'] === 'error' && 'httpStatus' in entry);
    expect(line).toMatchObject({ code: 'PARAM_ERROR', httpStatus: 400 });
  });

  test('R13.5: it gives its coupon back, and the budget', async () => {
    const promotionId = await openPromotion(h, { budget: 5_000 });
    const userId = await registerUser(h);
    const { couponId } = await claim(h, userId, promotionId);
    const refused = await createOrderCall(h, { userId, couponId });
    expect(refused).toMatchObject({ ok: false, reason: 'ORDER_NOT_PAYABLE', metadata: { status: 'failed' } });
    expect(await stockOf(h.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 0, unused: 1 });
  });
});
