import { createOrder, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { newTransactionId, notify, paidNotification, refundNotification } from '../../support/wechat-notifier';

/** Lesson 38, design §6: WeChat Pay promises no order between payments and refunds, so none is needed. */
describe('payment and refund notifications', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const statesOf = async (orderId: string) => ({
    order: await h.db.query('SELECT status, refunded_amount FROM orders WHERE id = ?', [orderId]),
    refunds: await h.db.query('SELECT cause, status, amount FROM refunds WHERE order_id = ?', [orderId]),
  });
  const REFUNDED = {
    order: [{ status: 'refunded', refunded_amount: 9900 }],
    refunds: [{ cause: 'external', status: 'succeeded', amount: 9900 }],
  };

  test.each(['payment first', 'refund first'])(
    '%s: the order ends refunded, and each is applied once',
    async (which) => {
      const orderId = await createOrder(h, await registerUser(h));
      const transactionId = newTransactionId();
      const refund = refundNotification(h, { orderId, transactionId });
      const payment = paidNotification(h, { orderId, transactionId });
      for (const sent of which === 'refund first' ? [refund, payment] : [payment, refund]) {
        expect((await notify(h, sent)).status).toBe(204);
      }
      if (which === 'refund first') {
        expect(await statesOf(orderId)).toEqual({ order: [{ status: 'paid', refunded_amount: 0 }], refunds: [] });
        h.clock.advanceMs(30_000);
      }
      await until('the refund is applied', async () => (await statesOf(orderId)).order[0]?.['status'] === 'refunded');
      expect(await statesOf(orderId)).toEqual(REFUNDED);
      for (const sent of [refundNotification(h, { orderId, transactionId }), payment]) {
        // Another refund of money that went back already is refused; the payment is known.
        expect((await notify(h, sent)).status).toBe(sent === payment ? 204 : 409);
      }
      expect(await statesOf(orderId)).toEqual(REFUNDED);
    },
  );
});
