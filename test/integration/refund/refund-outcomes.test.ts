import { OrderStatus, RefundCause, RefundStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { call, mustSucceed } from '../../support/clients';
import {
  createOrder,
  newId,
  registerMember,
  registerUser,
  startHarness,
  until,
  type Harness,
} from '../../support/harness';
import { createOrderCall, getOrderCall } from '../../support/order-calls';
import { claim, openPromotion, stockOf } from '../../support/promotions';
import { getQuota } from '../../support/quota-calls';
import {
  quoteRefundCall,
  readAlertWords,
  readRefundRows,
  refundOf,
  refundOrderCall,
  untilRefunds,
} from '../../support/refund-calls';
import { expectBalanced, readUserRows } from '../../support/user-rows';
import { notify, paidNotification, refundNotification } from '../../support/wechat-notifier';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const REFUNDS = '/v3/refund/domestic/refunds';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());
const refundsEnd = (outcome: string) => h.control('/_control/refunds', { outcome });
beforeEach(() => refundsEnd('SUCCESS'));

const decide = (orderId: string, refundId: string, outcome: string, more: object = {}) =>
  h.control('/_control/refund', { order_id: orderId, out_refund_no: refundId, outcome, ...more });

async function simulated(orderId: string): Promise<{ refunded_amount: number; refunds: Record<string, unknown>[] }> {
  const answer = await fetch(`${h.simulatorUrl}/_control/orders/${orderId}`);
  return (await answer.json()) as { refunded_amount: number; refunds: Record<string, unknown>[] };
}

const orderOf = async (userId: string, orderId: string) => mustSucceed(getOrderCall(h, userId, orderId));

async function transactionOf(orderId: string): Promise<string> {
  const [row] = await h.db.query('SELECT transaction_id AS id FROM orders WHERE id = ?', [orderId]);
  return String(row?.['id']);
}

/** Moves on until something that is due then has happened. */
async function untilDue(what: string, condition: () => Promise<boolean>): Promise<void> {
  await until(what, async () => {
    if (await condition()) return true;
    h.clock.advanceMs(MINUTE_MS);
    return false;
  });
}

describe('a refund that WeChat Pay', () => {
  test('closes moves no money: the units come back, people are told, and it may be asked for again', async () => {
    await refundsEnd('CLOSED');
    const { userId, orderId } = await registerMember(h);
    const { refundId } = await refundOf(h, { userId, orderId });
    await untilRefunds(h, orderId, ['closed']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 510, quotaHeld: 0 });
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.PAID, refundedAmount: 0 });
    expect(await readAlertWords(h, refundId)).toEqual(['refund_closed open']);
    await refundsEnd('SUCCESS');
    await refundOf(h, { userId, orderId });
    h.clock.advanceMs(2 * MINUTE_MS);
    await untilRefunds(h, orderId, ['closed', 'succeeded']);
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.REFUNDED });
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('can not bring to the payer stays frozen with an alert, and ends when people have sent it', async () => {
    await refundsEnd('ABNORMAL');
    const { userId, orderId } = await registerMember(h);
    const { refundId } = await refundOf(h, { userId, orderId, amount: 4_950 });
    await untilRefunds(h, orderId, ['abnormal']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 260, quotaHeld: 250 });
    expect(await readAlertWords(h, refundId)).toEqual(['refund_abnormal open']);
    await decide(orderId, refundId, 'SUCCESS');
    await untilRefunds(h, orderId, ['succeeded']);
    expect(await readAlertWords(h, refundId)).toEqual(['refund_abnormal refund_succeeded']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 260, quotaHeld: 0 });
    await expectBalanced(h.db, userId);
  });

  test('has no money for waits under its number until there is some', async () => {
    const { userId, orderId } = await registerMember(h);
    await h.control('/_control/balance', { amount: 0 });
    const refund = await refundOf(h, { userId, orderId });
    expect(refund.status).toBe(RefundStatus.CREATED);
    expect(await readAlertWords(h, refund.refundId)).toEqual(['refund_delayed open']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaHeld: 500 });
    await h.control('/_control/balance', { amount: 10_000_000 });
    await untilDue('success', async () => (await readRefundRows(h, orderId))[0]?.['status'] === 'succeeded');
    expect((await simulated(orderId)).refunds).toMatchObject([{ out_refund_no: refund.refundId }]);
    expect((await readAlertWords(h, refund.refundId))[0]).toMatch(/^refund_delayed refund_/);
  });

  test.each(['drop', 'drop-after', '500', '500-after', 'unsigned', 'badsign', 'html-502', '429'])(
    'answers with %s is asked again under the same number, and made once (lessons 44, 48)',
    async (name) => {
      const { userId, orderId } = await registerMember(h);
      await h.control('/_control/fault', { name, times: 3, path: REFUNDS });
      const { refundId } = await refundOf(h, { userId, orderId });
      await untilDue('success', async () => (await readRefundRows(h, orderId))[0]?.['status'] === 'succeeded');
      await fetch(`${h.simulatorUrl}/_control/fault`, { method: 'DELETE' });
      const { refunds, refunded_amount: refunded } = await simulated(orderId);
      expect(refunds).toMatchObject([{ out_refund_no: refundId, status: 'SUCCESS' }]);
      expect(refunded).toBe(9_900);
      expect(await expectBalanced(h.db, userId)).toBe(10);
    },
  );

  test('refuses for good fails: the units come back, and people are told', async () => {
    const { userId, orderId } = await registerMember(h);
    // In the portal everything went back already; we have not heard of it.
    await h.control('/_control/refund', { order_id: orderId, drop: true });
    const { refundId, status } = await refundOf(h, { userId, orderId });
    expect(status).toBe(RefundStatus.FAILED);
    expect(await getQuota(h, userId)).toMatchObject({ quotaHeld: 0 });
    expect(await readAlertWords(h, refundId)).toContain('refund_failed open');
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.PAID, refundedAmount: 0 });
    await expectBalanced(h.db, userId);
  });
});

describe('a refund whose notification is lost', () => {
  test('is found by asking', async () => {
    await refundsEnd('PROCESSING');
    const { userId, orderId } = await registerMember(h);
    const { refundId } = await refundOf(h, { userId, orderId });
    await decide(orderId, refundId, 'SUCCESS', { drop: true });
    await untilDue('success', async () => (await readRefundRows(h, orderId))[0]?.['status'] === 'succeeded');
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.REFUNDED });
  });
});

describe('a refund that is told again', () => {
  test('twenty times at once has its effect once, and keeps WeChat Pay’s id (lesson 40)', async () => {
    await refundsEnd('PROCESSING');
    const { userId, orderId } = await registerMember(h);
    const { refundId } = await refundOf(h, { userId, orderId });
    await decide(orderId, refundId, 'SUCCESS', { duplicates: 20 });
    const [row] = await untilRefunds(h, orderId, ['succeeded']);
    expect(row?.['refund_id']).toBe((await simulated(orderId)).refunds[0]?.['refund_id']);
    const before = await readUserRows(h.db, userId);
    await decide(orderId, refundId, 'SUCCESS').catch(() => undefined);
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('with another amount, total, number or payment is never applied, and people are told', async () => {
    await refundsEnd('PROCESSING');
    const { userId, orderId } = await registerMember(h);
    const { refundId } = await refundOf(h, { userId, orderId, amount: 6_000 });
    const transactionId = await transactionOf(orderId);
    const before = await readUserRows(h.db, userId);
    const facts = { orderId, transactionId, outRefundNo: refundId, amount: 6_000 };
    const foreign = { ...facts, transactionId: await transactionOf((await registerMember(h)).orderId) };
    for (const lie of [{ ...facts, amount: 6_001 }, foreign, facts]) {
      expect((await notify(h, refundNotification(h, lie), 'refund')).status).toBe(409);
    }
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect(await readAlertWords(h, refundId)).toEqual(['refund_unmatched open']);
  });

  test('of an order that we do not have is flagged', async () => {
    const outRefundNo = newId('R').slice(0, 30);
    const facts = { orderId: newId('none').slice(0, 30), transactionId: '4200000000000000000000000001', outRefundNo };
    expect((await notify(h, refundNotification(h, facts), 'refund')).status).toBe(409);
    expect(await readAlertWords(h, outRefundNo)).toEqual(['refund_unmatched open']);
  });
});

describe('a refund made in the merchant portal', () => {
  test('is recorded as external, applied like ours, and shown to people', async () => {
    const { userId, orderId } = await registerMember(h);
    await h.control('/_control/refund', {
      order_id: orderId,
      amount: 3_300,
      notify_url: `${h.edgeUrl}/wechatpay/notify/refund`,
    });
    const [row] = await untilRefunds(h, orderId, ['succeeded']);
    expect(row).toMatchObject({ cause: 'external', amount: 3_300, frozen_units: 166 });
    const { order, refunds } = await orderOf(userId, orderId);
    expect(order).toMatchObject({ status: OrderStatus.PAID, refundedAmount: 3_300 });
    expect(refunds).toMatchObject([{ cause: RefundCause.EXTERNAL, status: RefundStatus.SUCCEEDED }]);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 344, quotaHeld: 0 });
    expect(await readAlertWords(h, String(row?.['id']))).toEqual(['refund_external open']);
    await h.control('/_control/refund', { order_id: orderId, notify_url: `${h.edgeUrl}/wechatpay/notify/refund` });
    await untilRefunds(h, orderId, ['succeeded', 'succeeded']);
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.REFUNDED });
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('told before its payment waits for it, and is applied then', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const payment = paidNotification(h, { orderId });
    const outRefundNo = newId('P').slice(0, 30);
    const told = refundNotification(h, { orderId, transactionId: payment.transactionId, outRefundNo, amount: 1_000 });
    expect((await notify(h, told, 'refund')).status).toBe(204);
    expect(await readRefundRows(h, orderId)).toEqual([]);
    expect((await notify(h, payment)).status).toBe(204);
    await untilDue('success', async () => (await readRefundRows(h, orderId))[0]?.['status'] === 'succeeded');
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.PAID, refundedAmount: 1_000 });
    await expectBalanced(h.db, userId);
  });
});

/** Lesson 37: whether a refunded order gives its coupon back is the promotion's to say. */
describe('the coupon of a refunded order', () => {
  async function buyWithCoupon(fields: object) {
    const promotionId = await openPromotion(h, { budget: 50_000, ...fields });
    const userId = await registerUser(h);
    const { couponId } = await claim(h, userId, promotionId);
    const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    await h.control('/_control/pay', { order_id: order?.orderId });
    return { promotionId, userId, couponId, orderId: order?.orderId ?? '' };
  }

  test('comes back with its part of the budget where the promotion says so, but not for a part', async () => {
    const { promotionId, userId, orderId } = await buyWithCoupon({ returnedOnRefund: true });
    await refundOf(h, { userId, orderId, amount: 100 });
    await untilRefunds(h, orderId, ['succeeded']);
    expect(await stockOf(h.db, promotionId)).toMatchObject({ budgetUsed: 1_000, used: 1 });
    await refundOf(h, { userId, orderId });
    h.clock.advanceMs(2 * MINUTE_MS);
    await untilRefunds(h, orderId, ['succeeded', 'succeeded']);
    expect(await stockOf(h.db, promotionId)).toMatchObject({ budgetUsed: 0, unused: 1 });
  });

  test('is not promised once its time is over: it comes back expired, and its part of the budget all the same', async () => {
    const { promotionId, userId, orderId } = await buyWithCoupon({ returnedOnRefund: true });
    expect(await mustSucceed(quoteRefundCall(h, { userId, orderId }))).toMatchObject({ couponReturned: true });
    expect(await mustSucceed(quoteRefundCall(h, { userId, orderId, amount: 1 }))).toMatchObject({
      couponReturned: false,
    });
    h.clock.advanceMs(300 * DAY_MS);
    expect(await mustSucceed(quoteRefundCall(h, { userId, orderId }))).toMatchObject({ couponReturned: false });
    await refundOf(h, { userId, orderId });
    await untilRefunds(h, orderId, ['succeeded']);
    expect(await stockOf(h.db, promotionId)).toMatchObject({ budgetUsed: 0, expired: 1 });
  });

  test('stays used where it does not', async () => {
    const { promotionId, userId, orderId } = await buyWithCoupon({});
    await refundOf(h, { userId, orderId });
    await untilRefunds(h, orderId, ['succeeded']);
    expect(await stockOf(h.db, promotionId)).toMatchObject({ budgetUsed: 1_000, used: 1 });
  });

  test('that made the order free leaves nothing to refund, and nothing changes', async () => {
    const promotionId = await openPromotion(h, { discountValue: 9_900, mayBeFree: true });
    const userId = await registerUser(h);
    const { couponId } = await claim(h, userId, promotionId);
    const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    const before = await readUserRows(h.db, userId);
    const answer = await refundOrderCall(h, { userId, orderId: order?.orderId ?? '' });
    expect(answer).toMatchObject({
      reason: 'ORDER_NOT_REFUNDABLE',
      metadata: { why: 'nothing_to_pay', refundable: '0' },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});

describe('the refund of an order with an invoice', () => {
  test('tells people that the invoice needs a red-letter one (红字发票)', async () => {
    const { userId, orderId } = await registerMember(h);
    const { order } = h.as('finance');
    const invoice = { requestId: 'i', userId, orderId, invoiceReference: '044001900111-12345678' };
    await mustSucceed(call(order.attachInvoice.bind(order), invoice));
    await refundOf(h, { userId, orderId, amount: 1 });
    await untilRefunds(h, orderId, ['succeeded']);
    expect(await readAlertWords(h, orderId)).toEqual(['invoice_of_refunded_order open']);
  });
});

describe('money that no order was waiting for', () => {
  // What WeChat Pay says of these refunds comes by notification alone: one that the worker had asked for meanwhile has another number there.
  beforeEach(() => h.control('/_control/fault', { name: '500', times: 1_000_000, path: REFUNDS }));
  afterEach(() => fetch(`${h.simulatorUrl}/_control/fault`, { method: 'DELETE' }));

  test('goes back whole; a refund that WeChat Pay closes is made anew, five times, and then people are told', async () => {
    const { orderId } = await registerMember(h);
    // The order is paid a second time, under another transaction.
    const second = paidNotification(h, { orderId });
    expect((await notify(h, second)).status).toBe(204);
    const [payment] = await h.db.query('SELECT * FROM payments WHERE transaction_id = ?', [second.transactionId]);
    expect(payment).toMatchObject({ status: 'refunding', amount: 9_900 });
    const [first] = await readRefundRows(h, orderId);
    expect(first).toMatchObject({ cause: 'automatic', amount: 9_900, replaces: null });
    const statuses = async () => (await readRefundRows(h, orderId)).map(({ status }) => String(status));
    for (let made = 1; made <= 6; made += 1) {
      const id = String((await readRefundRows(h, orderId)).at(-1)?.['id']);
      const told = { orderId, transactionId: second.transactionId, outRefundNo: id, status: 'CLOSED' } as const;
      expect((await notify(h, refundNotification(h, told), 'refund')).status).toBe(204);
    }
    expect(await statuses()).toEqual(Array(6).fill('closed'));
    const rows = await readRefundRows(h, orderId);
    expect(rows.map(({ replaces }) => replaces)).toEqual([null, ...rows.slice(0, 5).map(({ id }) => id)]);
    expect(await readAlertWords(h, String(rows.at(-1)?.['id']))).toContain('refund_closed open');
    expect(await readAlertWords(h, String(payment?.['id']))).toEqual(['payment_not_awaited open']);
  });

  test('is refunded when WeChat Pay says so, and its alert is resolved; the order stays as it is', async () => {
    const { userId, orderId } = await registerMember(h);
    const second = paidNotification(h, { orderId });
    expect((await notify(h, second)).status).toBe(204);
    const [row] = await readRefundRows(h, orderId);
    const told = { orderId, transactionId: second.transactionId, outRefundNo: String(row?.['id']) };
    expect((await notify(h, refundNotification(h, told), 'refund')).status).toBe(204);
    const [payment] = await h.db.query('SELECT * FROM payments WHERE transaction_id = ?', [second.transactionId]);
    expect(payment).toMatchObject({ status: 'refunded' });
    expect(await readAlertWords(h, String(payment?.['id']))).toEqual(['payment_not_awaited refund_succeeded']);
    const { order, refunds } = await orderOf(userId, orderId);
    expect(order).toMatchObject({ status: OrderStatus.PAID, refundedAmount: 0 });
    expect(refunds).toMatchObject([{ cause: RefundCause.AUTOMATIC, status: RefundStatus.SUCCEEDED }]);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 510 });
  });
});

test('units frozen past their lot’s expiry come back with a grace when the refund is closed', async () => {
  await refundsEnd('PROCESSING');
  const { userId, orderId } = await registerMember(h);
  const { refundId } = await refundOf(h, { userId, orderId });
  h.clock.advanceMs(40 * DAY_MS);
  await decide(orderId, refundId, 'CLOSED');
  await untilRefunds(h, orderId, ['closed']);
  expect((await getQuota(h, userId)).grants).toMatchObject([{ source: 'compensation', remaining: 500 }]);
  // They are what the order gave: a refund of it ends them, too.
  const again = await refundOf(h, { userId, orderId });
  expect(again.frozenUnits).toBe(500);
  await decide(orderId, again.refundId, 'SUCCESS');
  await untilRefunds(h, orderId, ['closed', 'succeeded']);
  expect(await expectBalanced(h.db, userId)).toBe(0);
});
