import { OrderStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { mustSucceed } from '../../support/clients';
import { createOrder, registerMember, registerUser, startHarness, type Harness } from '../../support/harness';
import { moneyState } from '../../support/observe';
import {
  codeUrlOf,
  createOrderCall,
  getOrderCall,
  getOrderPaymentCall,
  listOrdersCall,
} from '../../support/order-calls';

/** Orders are read by their owner's id only, newest first; a code to pay is given while money is awaited. */
describe('reading orders', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  test("an order that does not exist and somebody else's order look the same: ORDER_NOT_FOUND", async () => {
    const orderId = await createOrder(h, await registerUser(h));
    const stranger = await registerUser(h);
    const before = await moneyState(h);
    for (const id of [orderId, 'NO-SUCH-ORDER']) {
      const expected = { ok: false, code: 'NOT_FOUND', reason: 'ORDER_NOT_FOUND', metadata: { order_id: id } };
      expect(await getOrderCall(h, stranger, id)).toMatchObject(expected);
      expect(await getOrderPaymentCall(h, stranger, id)).toMatchObject(expected);
    }
    const listed = await mustSucceed(listOrdersCall(h, { userId: stranger }));
    expect(listed).toEqual({ orders: [], nextPageToken: '' });
    expect(await moneyState(h)).toEqual(before);
  });

  test('GetOrderPayment gives a fresh code each time and changes nothing', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const before = await moneyState(h);
    const codes = new Set<string | undefined>();
    for (let time = 0; time < 3; time += 1) {
      const { payment } = await mustSucceed(getOrderPaymentCall(h, userId, orderId));
      codes.add(codeUrlOf(payment));
    }
    expect(codes.size).toBe(3);
    expect(await moneyState(h)).toEqual(before);
  });

  test('a paid order is shown with its payment and can not be paid again', async () => {
    const { userId, orderId } = await registerMember(h);
    const { order } = await mustSucceed(getOrderCall(h, userId, orderId));
    expect(order).toMatchObject({ status: OrderStatus.PAID, finalAmount: 9900 });
    expect(order?.transactionId).toMatch(/^\d{28}$/);
    expect(order?.paidTime).toBeInstanceOf(Date);
    const before = await moneyState(h);
    const refused = await getOrderPaymentCall(h, userId, orderId);
    expect(refused).toMatchObject({ ok: false, code: 'FAILED_PRECONDITION', reason: 'ORDER_NOT_PAYABLE' });
    expect(refused).toMatchObject({ metadata: { order_id: orderId, status: 'paid' } });
    expect(await moneyState(h)).toEqual(before);
  });

  test('an expired order can not be paid; a replay of its creation shows it without a code', async () => {
    const userId = await registerUser(h);
    const requestId = 'expires';
    const { order } = await mustSucceed(createOrderCall(h, { userId, requestId }));
    const orderId = order?.orderId ?? '';
    h.clock.advanceMs(30 * 60_000);
    const refused = await getOrderPaymentCall(h, userId, orderId);
    expect(refused).toMatchObject({ ok: false, code: 'FAILED_PRECONDITION', reason: 'ORDER_NOT_PAYABLE' });
    const again = await mustSucceed(createOrderCall(h, { userId, requestId }));
    expect(again).toMatchObject({ order: { orderId }, payment: undefined, replayed: true });
    expect(again.order?.paidTime).toBeUndefined();
  });

  test('ListOrders: newest first, every order once over the pages, filtered by status', async () => {
    const userId = await registerUser(h);
    const made: string[] = [];
    for (let count = 0; count < 7; count += 1) made.push(await createOrder(h, userId));
    await h.control('/_control/pay', { order_id: made[3] });

    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await mustSucceed(listOrdersCall(h, { userId, pageSize: 3, pageToken }));
      expect(page.orders.length).toBeLessThanOrEqual(3);
      seen.push(...page.orders.map(({ orderId }) => orderId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual([...made].reverse());

    const paid = await mustSucceed(listOrdersCall(h, { userId, status: OrderStatus.PAID }));
    expect(paid.orders.map(({ orderId }) => orderId)).toEqual([made[3]]);
    const first = await mustSucceed(listOrdersCall(h, { userId, pageSize: 3 }));
    const foreign = { userId, pageSize: 3, status: OrderStatus.PENDING, pageToken: first.nextPageToken };
    expect(await listOrdersCall(h, foreign)).toMatchObject({ ok: false, reason: 'INVALID_REQUEST' });
  });

  test('malformed requests name their fields', async () => {
    const userId = await registerUser(h);
    const bad = async (reply: Promise<unknown>, field: string) =>
      expect(await reply).toMatchObject({ ok: false, code: 'INVALID_ARGUMENT', fields: [field] });
    await bad(getOrderCall(h, userId, 'short'), 'order_id');
    await bad(getOrderCall(h, '', 'ORDER-1'), 'user_id');
    await bad(getOrderPaymentCall(h, userId, 'O'.repeat(33)), 'order_id');
    await bad(listOrdersCall(h, { userId, pageSize: -1 }), 'page_size');
    await bad(listOrdersCall(h, { userId, status: 99 as OrderStatus }), 'status');
    await bad(listOrdersCall(h, { userId, pageToken: 'forged' }), 'page_token');
    const unknown = await listOrdersCall(h, { userId: 'nobody-at-all' });
    expect(unknown).toMatchObject({ ok: false, code: 'NOT_FOUND', reason: 'USER_NOT_FOUND' });
  });
});
