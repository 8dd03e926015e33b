import { contentHash } from '../../../src/platform/request-content';
import { OrderCloseReason, OrderKind, OrderStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { DiscountType } from '../../../src/gen/billing/v1/promotion_service.pb';
import { mustSucceed } from '../../support/clients';
import { consume, newId, registerMember, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { brokenInvariants } from '../../support/invariants';
import { cancelOrderCall, createOrderCall, getOrderCall, quoteOrderCall } from '../../support/order-calls';
import { readAuditWords, readEventTypes, readPaymentWords, readWechatOrder } from '../../support/order-views';
import { claim, openPromotion, stockOf } from '../../support/promotions';
import { getQuota } from '../../support/quota-calls';
import { quoteRefundCall, readAlertWords, refundOf, refundOrderCall, untilRefunds } from '../../support/refund-calls';
import { openPlan, orderUpgrade, upgradeCall } from '../../support/upgrade-calls';
import { expectBalanced, readUserRows } from '../../support/user-rows';

let h: Harness;
let pro: string;
beforeAll(async () => {
  h = await startHarness({ OPEN_ORDERS_MAX: '3' });
  pro = await openPlan(h);
});
afterAll(async () => {
  expect(await brokenInvariants(h.db)).toEqual([]);
  await h.stop();
});
beforeEach(async () => {
  await h.control('/_control/refunds', { outcome: 'SUCCESS' });
});

/** The money arrives, and is told of; waits until the order has ended by it. */
async function pay(orderId: string, more: object = {}): Promise<void> {
  await h.control('/_control/pay', { order_id: orderId, ...more });
  await until('the payment is applied', async () => {
    const [order] = await h.db.query('SELECT status FROM orders WHERE id = ?', [orderId]);
    return order?.['status'] === 'paid' || order?.['status'] === 'closed';
  });
}
const orderOf = async (userId: string, orderId: string) => mustSucceed(getOrderCall(h, userId, orderId));
const periodsOf = (userId: string) =>
  h.db.query('SELECT * FROM membership_periods WHERE user_id = ? ORDER BY period_no', [userId]);
const creditsOf = (orderId: string) => h.db.query('SELECT * FROM order_credits WHERE order_id = ?', [orderId]);

/** A member who bought a month, and used all units but so many of its 500. */
async function memberWith(unspent: number) {
  const member = await registerMember(h);
  const amount = 510 - unspent;
  if (amount > 0) await mustSucceed(consume(h, { requestId: 'use', userId: member.userId, amount }));
  return member;
}

/** A member whose upgrade was paid at once: 250 of 500 units were unspent, so 4 950 of 9 900 fen are credited. */
async function upgraded() {
  const { userId, orderId: first } = await memberWith(250);
  const order = await orderUpgrade(h, { userId, planId: pro });
  await pay(order.orderId);
  return { userId, first, second: order.orderId };
}

describe('an upgrade', () => {
  test('is charged what its credit leaves, here and at WeChat Pay, and replaces the membership when it is paid', async () => {
    const { userId, orderId: first } = await memberWith(250);
    const before = await readUserRows(h.db, userId);
    const quote = await mustSucceed(quoteOrderCall(h, { userId, planId: pro, kind: OrderKind.UPGRADE }));
    expect(quote).toEqual({
      ...{ listAmount: 29_900, creditAmount: 4_950, originalAmount: 14_950, discountAmount: 0, finalAmount: 14_950 },
      credits: [{ orderId: '', creditedOrderId: first, amount: 4_950, units: 250 }],
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);

    const order = await orderUpgrade(h, { userId, planId: pro });
    const { orderId } = order;
    expect(order).toMatchObject({
      ...{ status: OrderStatus.PENDING, kind: OrderKind.UPGRADE, planId: pro, listAmount: 29_900 },
      ...{ creditAmount: 4_950, originalAmount: 14_950, finalAmount: 14_950, netAmount: 14_104, taxAmount: 846 },
    });
    expect(await readWechatOrder(h, orderId)).toMatchObject({ amount: 14_950 });
    // Nothing is replaced before the money is there.
    expect(await periodsOf(userId)).toMatchObject([{ order_id: first, replaced_by_order_id: null }]);

    await pay(orderId, { duplicates: 3 });
    const { order: paid, credits } = await orderOf(userId, orderId);
    expect(paid).toMatchObject({ status: OrderStatus.PAID });
    expect(credits).toEqual([{ orderId, creditedOrderId: first, amount: 4_950, units: 250 }]);
    expect((await orderOf(userId, first)).credits).toEqual(credits);
    const [old, current] = await periodsOf(userId);
    expect(old).toMatchObject({ order_id: first, replaced_by_order_id: orderId, end_time: current?.['start_time'] });
    expect(current).toMatchObject({ order_id: orderId, plan_id: pro, replaced_by_order_id: null, revoke_time: null });
    expect(await getQuota(h, userId)).toMatchObject({
      ...{ quotaRemaining: 1_500, membership: { active: true, planId: pro, expireTime: current?.['end_time'] } },
    });
    expect(await readPaymentWords(h, orderId)).toEqual(['applied 14950']);
    const told = (await readEventTypes(h, orderId)).filter((type) => type.startsWith('order.'));
    expect(told).toEqual(['order.created', 'order.pending', 'order.paid']);
    expect((await readAuditWords(h, orderId)).map((word) => word.split(' ')[0])).toEqual([
      ...['CreateOrder', 'OpenPayment', 'MarkOrderPaid'],
    ]);
    expect(await expectBalanced(h.db, userId)).toBe(1_500);
  });

  test('repeated with the same request_id is the same order; of another kind it is another request', async () => {
    const { userId } = await memberWith(510);
    const requestId = newId('upgrade');
    const first = await mustSucceed(upgradeCall(h, { requestId, userId, planId: pro }));
    const again = await mustSucceed(upgradeCall(h, { requestId, userId, planId: pro }));
    expect(again).toMatchObject({ replayed: true, order: { orderId: first.order?.orderId } });
    const other = await createOrderCall(h, { requestId, userId, planId: pro });
    expect(other).toMatchObject({ ok: false, reason: 'REQUEST_ID_REUSED' });
    expect(await creditsOf(first.order?.orderId ?? '')).toHaveLength(1);
  });

  test('a purchase names no kind in what its repeat is compared with, so that a repeat across releases is known', async () => {
    const userId = await registerUser(h);
    const requestId = newId('order');
    await mustSucceed(createOrderCall(h, { requestId, userId }));
    const named = await mustSucceed(createOrderCall(h, { requestId, userId, kind: OrderKind.PURCHASE }));
    expect(named).toMatchObject({ replayed: true, order: { kind: OrderKind.PURCHASE, creditAmount: 0 } });
    const [key] = await h.db.query('SELECT content_hash FROM request_keys WHERE request_id = ?', [requestId]);
    const as040 = { user_id: userId, plan_id: 'monthly', coupon_id: '', channel: 'native', payer: '' };
    expect(key?.['content_hash']).toEqual(contentHash('CreateOrder', as040));
  });

  test('R13.3: a coupon takes its part of what is really charged', async () => {
    const promotionId = await openPromotion(h, { discountType: DiscountType.PERCENTAGE, discountValue: 50 });
    const { userId } = await memberWith(250);
    const { couponId } = await claim(h, userId, promotionId);
    const asked = { userId, planId: pro, couponId, kind: OrderKind.UPGRADE };
    const price = { creditAmount: 4_950, originalAmount: 14_950, discountAmount: 7_475, finalAmount: 7_475 };
    expect(await mustSucceed(quoteOrderCall(h, asked))).toMatchObject(price);
    const order = await orderUpgrade(h, asked);
    expect(order).toMatchObject(price);
    await pay(order.orderId);
    expect(await stockOf(h.db, promotionId)).toMatchObject({ used: 1 });
    expect(await expectBalanced(h.db, userId)).toBe(1_500);
  });

  test('one that a coupon makes free is applied at once', async () => {
    const terms = { discountType: DiscountType.PERCENTAGE, discountValue: 100, mayBeFree: true };
    const promotionId = await openPromotion(h, terms);
    const { userId, orderId: first } = await memberWith(250);
    const { couponId } = await claim(h, userId, promotionId);
    const made = await mustSucceed(upgradeCall(h, { userId, planId: pro, couponId }));
    expect(made).toMatchObject({ payment: undefined, order: { status: OrderStatus.PAID, finalAmount: 0 } });
    expect(await periodsOf(userId)).toMatchObject([
      { order_id: first, replaced_by_order_id: made.order?.orderId },
      { order_id: made.order?.orderId },
    ]);
    expect(await expectBalanced(h.db, userId)).toBe(1_500);
  });
});

describe('UPGRADE_NOT_POSSIBLE, by CreateOrder and QuoteOrder alike, and nothing changes:', () => {
  async function expectRefused(userId: string, planId: string, metadata: object): Promise<void> {
    const before = await readUserRows(h.db, userId);
    const refused = { ok: false, code: 'FAILED_PRECONDITION', reason: 'UPGRADE_NOT_POSSIBLE', metadata };
    expect(await quoteOrderCall(h, { userId, planId, kind: OrderKind.UPGRADE })).toMatchObject(refused);
    expect(await upgradeCall(h, { userId, planId })).toMatchObject(refused);
    expect(await readUserRows(h.db, userId)).toEqual(before);
  }

  test('no_membership: what there is to upgrade has to run', async () => {
    await expectRefused(await registerUser(h), pro, { why: 'no_membership' });
  });

  test('same_plan: that is a renewal', async () => {
    const { userId } = await memberWith(510);
    await expectRefused(userId, 'monthly', { why: 'same_plan', plan_id: 'monthly' });
  });

  test('credit_exceeds_price: nothing would be left to pay', async () => {
    const cheap = await openPlan(h, { price: 4_950 });
    const { userId } = await memberWith(250);
    await expectRefused(userId, cheap, { why: 'credit_exceeds_price', credit_amount: '4950', price: '4950' });
    const justDearer = await openPlan(h, { price: 4_951 });
    expect(await orderUpgrade(h, { userId, planId: justDearer })).toMatchObject({ finalAmount: 1 });
  });

  test('order_open: any order that waits for payment, until it is closed', async () => {
    const { userId } = await memberWith(510);
    const { order } = await mustSucceed(createOrderCall(h, { userId }));
    const open = order?.orderId ?? '';
    await expectRefused(userId, pro, { why: 'order_open', order_id: open });
    await mustSucceed(cancelOrderCall(h, { userId, orderId: open }));
    await orderUpgrade(h, { userId, planId: pro });
  });

  test('order_open for a purchase, too, while an upgrade waits for payment', async () => {
    const { userId } = await memberWith(510);
    const { orderId } = await orderUpgrade(h, { userId, planId: pro });
    await expectRefused(userId, pro, { why: 'order_open', order_id: orderId });
    const before = await readUserRows(h.db, userId);
    const purchase = await createOrderCall(h, { userId });
    const metadata = { why: 'order_open', order_id: orderId };
    expect(purchase).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'UPGRADE_NOT_POSSIBLE', metadata });
    expect(await readUserRows(h.db, userId)).toEqual(before);
    await mustSucceed(cancelOrderCall(h, { userId, orderId }));
    await mustSucceed(createOrderCall(h, { userId }));
  });

  test('refund_open: until it is known how the refund of what would be credited ends', async () => {
    await h.control('/_control/refunds', { outcome: 'PROCESSING' });
    const { userId, orderId } = await memberWith(510);
    const { refundId } = await refundOf(h, { userId, orderId, amount: 900 });
    await expectRefused(userId, pro, { why: 'refund_open', order_id: orderId });
    await h.control('/_control/refund', { order_id: orderId, out_refund_no: refundId });
    await untilRefunds(h, orderId, ['succeeded']);
    const { creditAmount } = await orderUpgrade(h, { userId, planId: pro });
    expect(creditAmount).toBeLessThanOrEqual(9_000);
  });

  test('an unknown kind is a malformed request', async () => {
    const { userId } = await memberWith(510);
    const unknownKind = 7 as OrderKind;
    const refused = { code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: ['kind'] };
    expect(await upgradeCall(h, { userId, planId: pro, kind: unknownKind })).toMatchObject(refused);
    expect(await quoteOrderCall(h, { userId, planId: pro, kind: unknownKind })).toMatchObject(refused);
  });
});

describe('refunds beside an upgrade', () => {
  test('upgrade_open: what an upgrade that waits for payment credits is not refunded; once it is closed it is', async () => {
    const { userId, orderId } = await memberWith(510);
    const upgrade = await orderUpgrade(h, { userId, planId: pro });
    const before = await readUserRows(h.db, userId);
    const refused = { code: 'FAILED_PRECONDITION', reason: 'ORDER_NOT_REFUNDABLE', metadata: { why: 'upgrade_open' } };
    expect(await quoteRefundCall(h, { userId, orderId })).toMatchObject(refused);
    expect(await refundOrderCall(h, { userId, orderId })).toMatchObject(refused);
    expect(await readUserRows(h.db, userId)).toEqual(before);
    await mustSucceed(cancelOrderCall(h, { userId, orderId: upgrade.orderId }));
    expect(await mustSucceed(quoteRefundCall(h, { userId, orderId }))).toMatchObject({ refundableAmount: 9_900 });
  });

  test('of what was credited no fen goes back, and the rest is no full refund', async () => {
    const { userId, first } = await upgraded();
    const quote = await mustSucceed(quoteRefundCall(h, { userId, orderId: first }));
    expect(quote).toMatchObject({ amount: 4_950, refundableAmount: 4_950, full: false, revokedUnits: 0 });
    const before = await readUserRows(h.db, userId);
    expect(await refundOrderCall(h, { userId, orderId: first, amount: 4_951 })).toMatchObject({
      ...{ reason: 'ORDER_NOT_REFUNDABLE', metadata: { why: 'exceeds_paid', refundable: '4950' } },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
    await refundOf(h, { userId, orderId: first });
    await untilRefunds(h, first, ['succeeded']);
    expect((await orderOf(userId, first)).order).toMatchObject({ status: OrderStatus.PAID, refundedAmount: 4_950 });
    expect(await refundOrderCall(h, { userId, orderId: first })).toMatchObject({
      ...{ reason: 'ORDER_NOT_REFUNDABLE', metadata: { why: 'nothing_left', refundable: '0' } },
    });
    expect(await expectBalanced(h.db, userId)).toBe(1_500);
  });

  test('a full refund of the upgrade ends its membership and sets what it credited free', async () => {
    const { userId, first, second } = await upgraded();
    await refundOf(h, { userId, orderId: second });
    await untilRefunds(h, second, ['succeeded']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 0, membership: { active: false } });
    expect(await mustSucceed(quoteRefundCall(h, { userId, orderId: first }))).toMatchObject({
      ...{ amount: 9_900, refundableAmount: 9_900, full: true, revokedUnits: 0 },
    });
    await refundOf(h, { userId, orderId: first });
    await untilRefunds(h, first, ['succeeded']);
    expect((await orderOf(userId, first)).order).toMatchObject({ status: OrderStatus.REFUNDED });
    expect(await expectBalanced(h.db, userId)).toBe(0);
  });

  test('so do the parts of it together, and those of a period that was bought ahead', async () => {
    const { userId, orderId: first } = await memberWith(510);
    const { order: ahead } = await mustSucceed(createOrderCall(h, { userId }));
    await pay(ahead?.orderId ?? '');
    const dear = await openPlan(h, { price: 50_000 });
    const upgrade = await orderUpgrade(h, { userId, planId: dear });
    await pay(upgrade.orderId);
    expect(await refundOrderCall(h, { userId, orderId: ahead?.orderId ?? '' })).toMatchObject({
      metadata: { why: 'nothing_left' },
    });
    await refundOf(h, { userId, orderId: upgrade.orderId, amount: 1 });
    await untilRefunds(h, upgrade.orderId, ['succeeded']);
    h.clock.advanceMs(2 * 60_000);
    await refundOf(h, { userId, orderId: upgrade.orderId });
    await untilRefunds(h, upgrade.orderId, ['succeeded', 'succeeded']);
    for (const orderId of [first, ahead?.orderId ?? '']) {
      await refundOf(h, { userId, orderId });
      await untilRefunds(h, orderId, ['succeeded']);
      expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.REFUNDED });
    }
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });
});

describe('an upgrade whose ground has gone when it is paid', () => {
  const refundInPortal = (orderId: string, amount: number) =>
    h.control('/_control/refund', { order_id: orderId, amount, notify_url: `${h.edgeUrl}/wechatpay/notify/refund` });

  test('is void: nothing is replaced, the order is closed, its coupon is free, and the money goes back by itself', async () => {
    const promotionId = await openPromotion(h, { budget: 5_000 });
    const { userId, orderId: first } = await memberWith(250);
    const { couponId } = await claim(h, userId, promotionId);
    const { orderId, finalAmount } = await orderUpgrade(h, { userId, planId: pro, couponId });
    await refundInPortal(first, 100);
    await untilRefunds(h, first, ['succeeded']);
    const before = [await periodsOf(userId), await getQuota(h, userId)];

    await pay(orderId, { duplicates: 2 });
    const { order, refunds } = await orderOf(userId, orderId);
    expect(order).toMatchObject({ status: OrderStatus.CLOSED, closeReason: OrderCloseReason.UPGRADE_VOID });
    expect(refunds).toMatchObject([{ amount: finalAmount, reason: '会员已变化，升级未生效，款项退回' }]);
    await untilRefunds(h, orderId, ['succeeded']);
    expect(await readPaymentWords(h, orderId)).toEqual([`refunded ${finalAmount}`]);
    expect([await periodsOf(userId), await getQuota(h, userId)]).toEqual(before);
    expect(await stockOf(h.db, promotionId)).toMatchObject({ unused: 1, budgetUsed: 0 });
    const [payment] = await h.db.query('SELECT id FROM payments WHERE order_id = ?', [orderId]);
    expect(await readAlertWords(h, String(payment?.['id']))).toEqual(['payment_not_awaited refund_succeeded']);
    // What it would have credited is not spoken for.
    expect(await mustSucceed(quoteRefundCall(h, { userId, orderId: first }))).toMatchObject({
      refundableAmount: 9_800,
    });
    await orderUpgrade(h, { userId, planId: pro });
  });
});

describe('must show: upgrades, refunds, purchases and use of one user at once', () => {
  test('leave every fen and every unit accounted for, whoever is first', async () => {
    const members = await Promise.all(Array.from({ length: 16 }, () => memberWith(510)));
    const outcomes = await Promise.all(
      members.map(async ({ userId, orderId }, i) => {
        const calls = [
          () => upgradeCall(h, { userId, planId: pro }),
          () => refundOrderCall(h, { userId, orderId, amount: i % 2 === 0 ? 0 : 3_000 }),
          () => createOrderCall(h, { userId }),
          () => upgradeCall(h, { userId, planId: pro }),
          () => consume(h, { requestId: 'beside', userId, amount: 100 }),
        ];
        const order = calls.map((_, k) => (k + i) % calls.length);
        const replies = await Promise.all(order.map(async (k) => calls[k]?.()));
        return replies;
      }),
    );
    const reasons = new Set(outcomes.flat().flatMap((reply) => (reply?.ok === false ? [reply.reason] : [])));
    // What a machine that is busy otherwise may answer, too: whether that one was made the database says.
    const busy = ['OVERLOADED', 'WECHATPAY_UNAVAILABLE', 'DEADLINE_EXCEEDED', 'DATABASE_UNAVAILABLE', 'CONTENTION', ''];
    for (const reason of [...busy, 'UPGRADE_NOT_POSSIBLE', 'ORDER_NOT_REFUNDABLE', 'QUOTA_INSUFFICIENT'])
      reasons.delete(reason);
    expect([...reasons]).toEqual([]);
    for (const { userId } of members) {
      const made = await h.db.query('SELECT kind FROM orders WHERE user_id = ? ORDER BY create_time, id', [userId]);
      // The purchase of before; beside an upgrade there is neither another one nor a purchase.
      expect(['purchase', 'purchase,purchase', 'purchase,upgrade']).toContain(made.map(({ kind }) => kind).join());
    }
    const open = await h.db.query("SELECT id FROM orders WHERE status = 'pending' AND user_id IN (?)", [
      members.map(({ userId }) => userId),
    ]);
    await Promise.all(open.map(({ id }) => pay(String(id), { duplicates: 2 })));
    await until('every refund ends', async () => {
      const rows = await h.db.query("SELECT 1 FROM refunds WHERE status IN ('created', 'processing') LIMIT 1");
      if (rows.length > 0) h.clock.advanceMs(1_000);
      return rows.length === 0;
    });
    for (const { userId } of members) await expectBalanced(h.db, userId);
    expect(await brokenInvariants(h.db)).toEqual([]);
  });
});
