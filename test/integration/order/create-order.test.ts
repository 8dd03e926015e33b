import { CreateOrderRequest, OrderStatus, PaymentChannel } from '../../../src/gen/billing/v1/order_service.pb';
import { mustSucceed } from '../../support/clients';
import { newId, registerUser, startHarness, type Harness } from '../../support/harness';
import { moneyState } from '../../support/observe';
import { codeUrlOf, createOrderCall, getOrderCall } from '../../support/order-calls';

/** R7, lesson 4: an order is priced here, written once per request_id, and opened at WeChat Pay for its final amount. */
describe('CreateOrder', () => {
  let h: Harness;
  let userId: string;
  beforeAll(async () => {
    h = await startHarness();
    userId = await registerUser(h);
  });
  afterAll(() => h.stop());

  const atWechat = async (orderId: string): Promise<unknown> =>
    (await fetch(`${h.simulatorUrl}/_control/orders/${orderId}`)).json();

  test('gives a pending order at the price of the plan, and a code to pay it', async () => {
    const answer = await mustSucceed(createOrderCall(h, { userId }));
    expect(answer.replayed).toBe(false);
    expect(codeUrlOf(answer.payment)).toMatch(/^weixin:\/\//);
    const { order } = answer;
    expect(order).toMatchObject({
      userId,
      planId: 'monthly',
      planName: '月度会员',
      quotaUnits: 500,
      status: OrderStatus.PENDING,
      channel: PaymentChannel.NATIVE,
      originalAmount: 9900,
      discountAmount: 0,
      finalAmount: 9900,
      refundedAmount: 0,
      currency: 'CNY',
      taxRateBasisPoints: 600,
      netAmount: 9340,
      taxAmount: 560,
      couponId: '',
      transactionId: '',
      paidTime: undefined,
    });
    const lifeMs = Number(order?.expireTime?.getTime()) - Number(order?.createTime?.getTime());
    expect(lifeMs).toBe(30 * 60_000);
    const orderId = order?.orderId ?? '';
    expect(orderId).toMatch(/^[0-9A-Za-z_-]{6,32}$/);
    expect(await atWechat(orderId)).toMatchObject({ order_id: orderId, trade_state: 'NOTPAY', prepay_count: 1 });
    const audit = await h.db.query('SELECT action, actor FROM audit_logs WHERE subject_id = ? ORDER BY id', [orderId]);
    expect(audit.map(({ action }) => action)).toEqual(['CreateOrder', 'OpenPayment']);
    expect(audit[0]?.['actor']).toBe('spiffe://billing/order-service/order-service');
  });

  test('repeated with the same request_id: the order as it is, a fresh code, nothing written', async () => {
    const requestId = newId('order');
    const first = await mustSucceed(createOrderCall(h, { userId, requestId }));
    const before = await moneyState(h);
    const second = await mustSucceed(createOrderCall(h, { userId, requestId }));
    expect(second.replayed).toBe(true);
    expect(second.order).toEqual(first.order);
    expect(codeUrlOf(second.payment)).toMatch(/^weixin:\/\//);
    expect(codeUrlOf(second.payment)).not.toBe(codeUrlOf(first.payment));
    expect(await moneyState(h)).toEqual(before);
    expect(await atWechat(first.order?.orderId ?? '')).toMatchObject({ prepay_count: 2 });
  });

  test('repeated after it was paid: the paid order without payment parameters', async () => {
    const requestId = newId('order');
    const { order } = await mustSucceed(createOrderCall(h, { userId, requestId }));
    await h.control('/_control/pay', { order_id: order?.orderId ?? '' });
    const before = await moneyState(h);
    const again = await mustSucceed(createOrderCall(h, { userId, requestId }));
    expect(again).toMatchObject({ replayed: true, payment: undefined, order: { status: OrderStatus.PAID } });
    expect(await moneyState(h)).toEqual(before);
  });

  test('20 at once with one request_id make one order', async () => {
    const requestId = newId('order');
    const replies = await Promise.all(Array.from({ length: 20 }, () => createOrderCall(h, { userId, requestId })));
    const made = await Promise.all(replies.map((reply) => mustSucceed(Promise.resolve(reply))));
    expect(new Set(made.map(({ order }) => order?.orderId)).size).toBe(1);
    expect(made.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const keys = await h.db.query('SELECT COUNT(*) AS keys_ FROM request_keys WHERE request_id = ?', [requestId]);
    expect(keys).toEqual([{ keys_: 1 }]);
  });

  test('the same request_id with another plan is REQUEST_ID_REUSED; of another user it is another request', async () => {
    const requestId = newId('order');
    await mustSucceed(createOrderCall(h, { userId, requestId }));
    const before = await moneyState(h);
    const reused = await createOrderCall(h, { userId, requestId, planId: 'basic' });
    expect(reused).toMatchObject({ ok: false, code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    expect(await moneyState(h)).toEqual(before);
    const other = await mustSucceed(createOrderCall(h, { userId: await registerUser(h), requestId }));
    expect(other.replayed).toBe(false);
  });

  const refusals: [
    what: string,
    code: string,
    reason: string,
    fields: string[],
    change: Partial<CreateOrderRequest>,
  ][] = [
    ['an unknown plan', 'NOT_FOUND', 'PLAN_NOT_FOUND', [], { planId: 'yearly' }],
    ['a plan that is not sold', 'NOT_FOUND', 'PLAN_NOT_FOUND', [], { planId: 'basic' }],
    ['an unknown user', 'NOT_FOUND', 'USER_NOT_FOUND', [], { userId: 'nobody-at-all' }],
    ['a coupon nobody holds', 'NOT_FOUND', 'COUPON_NOT_FOUND', [], { couponId: 'C-1' }],
    ['no channel', 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['channel'], { channel: PaymentChannel.UNSPECIFIED }],
    ['JSAPI without openid', 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['openid'], { channel: PaymentChannel.JSAPI }],
    ['H5 without address', 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['client_ip'], { channel: PaymentChannel.H5 }],
    ['an openid that is not asked for', 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['openid'], { openid: 'o1' }],
    ['an address that is not asked for', 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['client_ip'], { clientIp: '1.2.3.4' }],
    [
      'a channel that does not exist',
      'INVALID_ARGUMENT',
      'INVALID_REQUEST',
      ['channel'],
      { channel: 99 as PaymentChannel },
    ],
    ['no request_id', 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['request_id'], { requestId: '' }],
    ['65 characters of plan', 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['plan_id'], { planId: 'p'.repeat(65) }],
    ['a control character', 'INVALID_ARGUMENT', 'INVALID_REQUEST', ['coupon_id'], { couponId: 'a\u0000' }],
  ];
  test.each(refusals)('%s is %s %s and nothing is written', async (_what, code, reason, fields, change) => {
    const before = await moneyState(h);
    const reply = await createOrderCall(h, { userId, ...change });
    expect(reply).toMatchObject({ ok: false, code, reason, fields });
    expect(await moneyState(h)).toEqual(before);
  });

  test('a price that changes later does not touch the order: what it sold is frozen (lesson 24)', async () => {
    const { order } = await mustSucceed(createOrderCall(h, { userId }));
    const orderId = order?.orderId ?? '';
    for (const column of ['final_amount', 'original_amount', 'quota_units', 'tax_amount']) {
      const change = h.db.query(`UPDATE orders SET ${column} = ${column} + 1 WHERE id = ?`, [orderId], 'app');
      await expect(change).rejects.toThrow();
    }
    expect((await mustSucceed(getOrderCall(h, userId, orderId))).order).toEqual(order);
  });

  test('no request of OrderService can carry an amount', () => {
    const fields = Object.keys(CreateOrderRequest.fromPartial({})).sort();
    const known = ['channel', 'clientIp', 'couponId', 'kind', 'openid', 'planId', 'requestId', 'userId'];
    expect(fields).toEqual(known);
  });
});
