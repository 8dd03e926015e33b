import { RefundOrderRequest } from '../../src/gen/billing/v1/order_service.pb';
import { loadConfig } from '../../src/platform/config';
import { createLogger } from '../../src/platform/log';
import { startService, type Service } from '../../src/service';
import { call, connectClient, mustSucceed, type BillingClient } from '../support/clients';
import { newId, registerUser, serviceEnvironment, startHarness, until, type Harness } from '../support/harness';
import { createOrderCall } from '../support/order-calls';
import { claim, openPromotion } from '../support/promotions';
import { readRefundRows } from '../support/refund-calls';
import { expectBalanced } from '../support/user-rows';

/** Must-show 6, lesson 39: one order of 100 fen, many refunds at once at two processes, and WeChat Pay at its worst. */
describe('concurrent refunds of one order', () => {
  const PAID = 100;
  let h: Harness;
  let other: Service;
  let clients: readonly BillingClient[];
  let promotionId: string;

  beforeAll(async () => {
    h = await startHarness();
    const env = {
      ...serviceEnvironment(h.infra, h.db.url, h.simulatorUrl),
      WECHATPAY_NOTIFY_URL: `${h.edgeUrl}/wechatpay/notify/transaction`,
    };
    other = await startService(loadConfig(env), createLogger({ level: 'fatal', role: 'all' }), h.clock);
    clients = [h.as('finance'), connectClient(`127.0.0.1:${other.ports.grpcPort}`, h.infra.tlsDir, 'finance')];
    promotionId = await openPromotion(h, { discountValue: 9_900 - PAID });
  });
  afterAll(async () => {
    clients[1]?.close();
    await other.stop();
    await h.stop();
  });
  afterEach(() => fetch(`${h.simulatorUrl}/_control/fault`, { method: 'DELETE' }));

  async function buy(): Promise<{ userId: string; orderId: string }> {
    const userId = await registerUser(h);
    const { couponId } = await claim(h, userId, promotionId);
    const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    await h.control('/_control/pay', { order_id: order?.orderId });
    return { userId, orderId: order?.orderId ?? '' };
  }

  /** So many refunds at once, spread over both processes; how many were taken, and what was said to the others. */
  async function refundAtOnce(order: { userId: string; orderId: string }, count: number, amount: number) {
    const replies = await Promise.all(
      Array.from({ length: count }, (_, i) => {
        const client = clients[i % clients.length]?.order;
        if (client === undefined) throw new Error('there are two clients');
        const request = { ...order, amount, requestId: newId('r'), reason: '并发退款' };
        return call(client.refundOrder.bind(client), RefundOrderRequest.fromPartial(request));
      }),
    );
    const refused = replies.flatMap((reply) => (reply.ok ? [] : [`${reply.reason} ${reply.metadata['why'] ?? ''}`]));
    return { taken: count - refused.length, refused: [...new Set(refused)] };
  }

  /** Moves on until no refund of the order is open; then our books and WeChat Pay's are compared. Returns what went back. */
  async function settled({ userId, orderId }: { userId: string; orderId: string }): Promise<number> {
    await until('all refunds have ended', async () => {
      const open = (await readRefundRows(h, orderId)).some(({ status }) =>
        ['created', 'processing', 'abnormal'].includes(String(status)),
      );
      if (open) h.clock.advanceMs(5_000);
      return !open;
    });
    const answer = await fetch(`${h.simulatorUrl}/_control/orders/${orderId}`);
    const theirs = (await answer.json()) as {
      refunded_amount: number;
      refunds: { out_refund_no: string; amount: number }[];
    };
    const ours = (await readRefundRows(h, orderId)).filter(({ status }) => status === 'succeeded');
    const [order] = await h.db.query('SELECT status, refunded_amount FROM orders WHERE id = ?', [orderId]);
    const sorted = (pairs: readonly (readonly [unknown, unknown])[]) => pairs.map((pair) => pair.join(' ')).sort();
    expect(sorted(ours.map(({ id, amount }) => [id, amount]))).toEqual(
      sorted(theirs.refunds.map(({ out_refund_no: id, amount }) => [id, amount])),
    );
    expect(order?.['refunded_amount']).toBe(theirs.refunded_amount);
    expect(order?.['status']).toBe(theirs.refunded_amount === PAID ? 'refunded' : 'paid');
    expect(theirs.refunded_amount).toBeLessThanOrEqual(PAID);
    await expectBalanced(h.db, userId);
    return theirs.refunded_amount;
  }

  test('20 of 60 out of 100: one is taken, 19 are told that it exceeds what was paid, and the books agree', async () => {
    const order = await buy();
    expect(await refundAtOnce(order, 20, 60)).toEqual({ taken: 1, refused: ['ORDER_NOT_REFUNDABLE exceeds_paid'] });
    expect(await settled(order)).toBe(60);
  });

  test.each(['500-after', 'drop-after', 'drop', 'badsign'])(
    '20 of 60 out of 100 while WeChat Pay answers with %s: never more than was paid',
    async (name) => {
      const order = await buy();
      await h.control('/_control/fault', { name, times: 4, path: '/v3/refund/domestic/refunds' });
      expect((await refundAtOnce(order, 20, 60)).taken).toBe(1);
      expect(await settled(order)).toBe(60);
    },
  );

  test('12 of 10 out of 100: ten are taken and sent one after the other, and the last ends the membership', async () => {
    const order = await buy();
    expect(await refundAtOnce(order, 12, 10)).toEqual({ taken: 10, refused: ['ORDER_NOT_REFUNDABLE nothing_left'] });
    expect(await settled(order)).toBe(PAID);
    const [period] = await h.db.query('SELECT revoke_time FROM membership_periods WHERE order_id = ?', [order.orderId]);
    expect(period?.['revoke_time']).toBeInstanceOf(Date);
  });

  test('20 of everything at once, for many orders at once: each goes back once', async () => {
    const orders = await Promise.all(Array.from({ length: 8 }, buy));
    const all = await Promise.all(orders.map((order) => refundAtOnce(order, 20, 0)));
    expect(all.map(({ taken }) => taken)).toEqual(orders.map(() => 1));
    for (const order of orders) expect(await settled(order)).toBe(PAID);
  });
});
