import { OrderStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { mustSucceed } from '../../support/clients';
import { createOrder, registerMember, registerUser, startHarness, type Harness } from '../../support/harness';
import { moneyState } from '../../support/observe';
import { getOrderCall } from '../../support/order-calls';
import { startRecordedHarness, type RecordingProxy } from '../../support/recording-proxy';

let proxy: RecordingProxy;
let h: Harness;
beforeAll(async () => {
  // A busy machine may answer for Redis later than 50 ms, and each process counts for itself then.
  ({ h, proxy } = await startRecordedHarness({ REDIS_TIMEOUT_MS: '5000' }));
});
afterAll(() => h.stop());

const refresh = { refresh: true };

/** Questions about an order that reached WeChat Pay. */
function questionsAbout(orderId: string): number {
  return proxy.calls.filter(({ method, path }) => method === 'GET' && path.includes(orderId)).length;
}

async function openOrder(): Promise<{ readonly userId: string; readonly orderId: string }> {
  const userId = await registerUser(h);
  return { userId, orderId: await createOrder(h, userId) };
}

/** R4.4, lesson 38: the page that waits after paying finds the payment although its notification was lost. */
describe('GetOrder with refresh', () => {
  test('finds a payment whose notification was lost, and gives what was bought', async () => {
    const { userId, orderId } = await openOrder();
    await h.control('/_control/pay', { order_id: orderId, drop: true });
    const before = await mustSucceed(getOrderCall(h, userId, orderId));
    expect(before).toMatchObject({ refreshed: false, order: { status: OrderStatus.PENDING } });
    const after = await mustSucceed(getOrderCall(h, userId, orderId, refresh));
    expect(after).toMatchObject({ refreshed: true, refunds: [], order: { status: OrderStatus.PAID } });
    const lots = await h.db.query("SELECT amount FROM quota_grants WHERE user_id = ? AND source = 'membership'", [
      userId,
    ]);
    expect(lots).toEqual([{ amount: 500 }]);
  });

  test('changes nothing about an order that nobody paid', async () => {
    const { userId, orderId } = await openOrder();
    const before = await moneyState(h);
    const { order, refreshed } = await mustSucceed(getOrderCall(h, userId, orderId, refresh));
    expect([order?.status, refreshed]).toEqual([OrderStatus.PENDING, true]);
    expect(await moneyState(h)).toEqual(before);
  });

  test('asks WeChat Pay once for an order, however many pages wait, and for each order by itself', async () => {
    const { userId, orderId } = await openOrder();
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => mustSucceed(getOrderCall(h, userId, orderId, refresh))),
    );
    expect(replies.filter(({ refreshed }) => refreshed)).toHaveLength(1);
    expect(replies.every(({ order }) => order?.status === OrderStatus.PENDING)).toBe(true);
    expect(questionsAbout(orderId)).toBe(1);
    const another = await openOrder();
    expect((await mustSucceed(getOrderCall(h, another.userId, another.orderId, refresh))).refreshed).toBe(true);
  });

  test('is no error when WeChat Pay gives no usable answer: the order as it is, refreshed = false', async () => {
    const { userId, orderId } = await openOrder();
    await h.control('/_control/fault', { name: '500', times: 3, path: '/v3/pay/transactions/out-trade-no' });
    const { order, refreshed } = await mustSucceed(getOrderCall(h, userId, orderId, refresh));
    expect([order?.status, refreshed]).toEqual([OrderStatus.PENDING, false]);
    await fetch(`${h.simulatorUrl}/_control/fault`, { method: 'DELETE' });
  });

  test('does not ask about an order that waits for nothing, nor about one of somebody else', async () => {
    const { userId, orderId } = await registerMember(h);
    expect(await mustSucceed(getOrderCall(h, userId, orderId, refresh))).toMatchObject({ refreshed: false });
    const open = await openOrder();
    const stranger = await getOrderCall(h, userId, open.orderId, refresh);
    expect(stranger).toMatchObject({ ok: false, reason: 'ORDER_NOT_FOUND' });
    expect([questionsAbout(orderId), questionsAbout(open.orderId)]).toEqual([0, 0]);
  });
});

/** Lesson 13: the limit holds without Redis, in each process by itself. */
test('GetOrder with refresh asks once for an order while Redis is away', async () => {
  const alone = await startHarness({ REDIS_URL: 'redis://127.0.0.1:1' });
  try {
    const userId = await registerUser(alone);
    const orderId = await createOrder(alone, userId);
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => mustSucceed(getOrderCall(alone, userId, orderId, refresh))),
    );
    expect(replies.filter(({ refreshed }) => refreshed)).toHaveLength(1);
  } finally {
    await alone.stop();
  }
});
