import { RefundStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { registerUser, startHarness, until, type Harness } from '../../support/harness';
import { createOrderCall } from '../../support/order-calls';
import { readAlertWords, readRefundRows, refundOf, refundOrderCall } from '../../support/refund-calls';
import { notify, paidNotification } from '../../support/wechat-notifier';
import { startAnsweringServer, type AnsweringServer } from '../payment/answering-server';

const REFUNDS = '/v3/refund/domestic/refunds';

/** Lessons 44, 48: while the outcome is not known, the same refund is asked for, to the byte, and no other. */
describe('a refund that WeChat Pay does not answer', () => {
  let h: Harness;
  let wechat: AnsweringServer;
  beforeAll(async () => {
    wechat = await startAnsweringServer();
    h = await startHarness({ WECHATPAY_BASE_URL: wechat.url, WECHATPAY_BREAKER_FAILURES_MAX: '1000' });
  });
  afterAll(async () => {
    await h.stop();
    await wechat.close();
  });

  const asked = () => wechat.received.filter(({ method, url }) => method === 'POST' && url === REFUNDS);

  async function buy(): Promise<{ userId: string; orderId: string }> {
    const userId = await registerUser(h);
    await createOrderCall(h, { userId });
    const [order] = await h.db.query('SELECT id FROM orders WHERE user_id = ?', [userId]);
    const orderId = String(order?.['id']);
    expect((await notify(h, paidNotification(h, { orderId }))).status).toBe(204);
    return { userId, orderId };
  }

  test('is repeated with the same bytes under the same number, by nobody at the same time, and people are told', async () => {
    const order = await buy();
    wechat.answerWith((response) => response.destroy());
    const refund = await refundOf(h, { ...order, amount: 4_950 });
    expect(refund.status).toBe(RefundStatus.CREATED);
    const first = asked().length;
    expect(first).toBeGreaterThan(0);
    await until('it was asked for by the job, five times', async () => {
      if ((await readAlertWords(h, refund.refundId)).length > 0) return true;
      h.clock.advanceMs(30_000);
      return false;
    });
    expect(await readAlertWords(h, refund.refundId)).toEqual(['refund_delayed open']);
    const bodies = asked().map(({ body }) => body.toString());
    expect(bodies.length).toBeGreaterThan(first);
    expect(new Set(bodies).size).toBe(1);
    expect(JSON.parse(bodies[0] ?? '')).toMatchObject({
      ...{ out_refund_no: refund.refundId, reason: '用户申请退款' },
      amount: { refund: 4_950, total: 9_900, currency: 'CNY' },
    });
    expect(await readRefundRows(h, order.orderId)).toMatchObject([{ status: 'created', frozen_units: 250 }]);
  });

  test('by an unsigned refusal, or a signed query it does not get, is not given up', async () => {
    const order = await buy();
    wechat.answerWith((response) => {
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"code":"INVALID_REQUEST","message":"no"}');
    });
    const { refundId, status } = await refundOf(h, order);
    expect(status).toBe(RefundStatus.CREATED);
    expect(await readAlertWords(h, refundId)).toEqual(['refund_delayed open']);
    expect(await readRefundRows(h, order.orderId)).toMatchObject([{ status: 'created', frozen_units: 500 }]);
    // What is on its way counts: nothing more may go back.
    expect(await refundOrderCall(h, { ...order, amount: 1 })).toMatchObject({
      metadata: { why: 'nothing_left', refundable: '0' },
    });
  });
});
