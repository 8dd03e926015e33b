import { OrderStatus, RefundCause, RefundStatus } from '../../../src/gen/billing/v1/order_service.pb';
import type { RefundItem } from '../../../src/payment';
import { fen } from '../../../src/platform/money';
import { applyRefundNotification } from '../../../src/refund';
import { mustSucceed } from '../../support/clients';
import { newId, registerMember, startHarness, until, type Harness } from '../../support/harness';
import { createOrderCall, getOrderCall } from '../../support/order-calls';
import { openOrderParts } from '../../support/order-parts';
import { getQuota } from '../../support/quota-calls';
import { quoteRefundCall, readAlertWords, readRefundRows, refundOf, untilRefunds } from '../../support/refund-calls';
import { expectBalanced, readLogWords, readUserRows } from '../../support/user-rows';
import { notify, refundNotification } from '../../support/wechat-notifier';

/** Refunds of one order that are open at the same time, ours and those of the merchant portal, and who tells of them. */
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const ENOUGH = 100_000_000;

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());
const refundsEnd = (outcome: string) => h.control('/_control/refunds', { outcome });
beforeEach(() => refundsEnd('PROCESSING'));

const decide = (orderId: string, refundId: string, outcome: string) =>
  h.control('/_control/refund', { order_id: orderId, out_refund_no: refundId, outcome });

const inPortal = (orderId: string, more: object) =>
  h.control('/_control/refund', {
    order_id: orderId,
    notify_url: `${h.edgeUrl}/wechatpay/notify/refund`,
    outcome: 'SUCCESS',
    ...more,
  });

const orderOf = async (userId: string, orderId: string) => mustSucceed(getOrderCall(h, userId, orderId));

const statusesOf = async (orderId: string) => (await readRefundRows(h, orderId)).map(({ status }) => String(status));

/** Moves on, a minute at a time, until the refunds of an order stand where they should. */
async function untilDue(orderId: string, statuses: readonly string[]): Promise<void> {
  await until(`refunds ${statuses.join(', ')}`, async () => {
    if ((await statusesOf(orderId)).join() === statuses.join()) return true;
    h.clock.advanceMs(MINUTE_MS);
    return false;
  });
}

describe('two open refunds of a period whose lot is not given yet', () => {
  /** A member who bought a second month, and two refunds of it of a half each, that WeChat Pay has accepted. */
  async function refundTwice() {
    const { userId } = await registerMember(h);
    const { order } = await mustSucceed(createOrderCall(h, { userId }));
    const orderId = order?.orderId ?? '';
    await h.control('/_control/pay', { order_id: orderId });
    const bought = await periodOf(orderId);
    const first = await refundOf(h, { userId, orderId, amount: 4_950 });
    const second = await refundOf(h, { userId, orderId });
    await untilDue(orderId, ['processing', 'processing']);
    return { userId, orderId, bought, first: first.refundId, second: second.refundId };
  }

  const periodOf = async (orderId: string) =>
    (await h.db.query('SELECT * FROM membership_periods WHERE order_id = ?', [orderId]))[0] ?? {};

  /** Goes past the start of the second month. */
  const untilStarted = () => h.clock.advanceMs(32 * DAY_MS);

  const untilGiven = (userId: string) =>
    until('the lot', async () => {
      const sql = "SELECT 1 FROM quota_grants WHERE user_id = ? AND source = 'membership'";
      return (await h.db.query(sql, [userId])).length === 2;
    });

  test('keep it from being given until both have ended; closed, both leave it whole', async () => {
    const { userId, orderId, bought, first, second } = await refundTwice();
    const due = bought['next_grant_time'];
    expect(due).toBeInstanceOf(Date);
    expect(await readRefundRows(h, orderId)).toMatchObject([{ paused_grant_time: due }, { paused_grant_time: due }]);
    untilStarted();
    await decide(orderId, first, 'CLOSED');
    await untilRefunds(h, orderId, ['closed', 'processing']);
    expect(await periodOf(orderId)).toMatchObject({ next_grant_time: null, revoke_units: 0 });
    await decide(orderId, second, 'CLOSED');
    await untilRefunds(h, orderId, ['closed', 'closed']);
    await untilGiven(userId);
    expect(await periodOf(orderId)).toMatchObject({ end_time: bought['end_time'], revoke_units: 0 });
    expect((await getQuota(h, userId)).grants.filter(({ source }) => source === 'membership')).toMatchObject([
      { remaining: 500 },
    ]);
    await expectBalanced(h.db, userId);
  });

  test.each([
    ['the first', ['SUCCESS', 'CLOSED']],
    ['the second', ['CLOSED', 'SUCCESS']],
  ])('of which only %s brings money back end a half', async (_title, [ofFirst = '', ofSecond = '']) => {
    const { userId, orderId, bought, first, second } = await refundTwice();
    // The later one first: which of them was last when it was opened says nothing.
    await decide(orderId, second, ofSecond);
    await decide(orderId, first, ofFirst);
    await untilRefunds(
      h,
      orderId,
      [ofFirst, ofSecond].map((outcome) => (outcome === 'SUCCESS' ? 'succeeded' : 'closed')),
    );
    expect(await periodOf(orderId)).toMatchObject({
      ...{ revoke_units: 250, revoke_time: null, next_grant_time: bought['next_grant_time'] },
    });
    untilStarted();
    await untilGiven(userId);
    expect((await readLogWords(h.db, userId)).slice(-2)).toEqual(['system GRANT 500', 'system REVOKE -250']);
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.PAID, refundedAmount: 4_950 });
    await expectBalanced(h.db, userId);
  });

  test('that both bring money back end all: nothing is ever given', async () => {
    const { userId, orderId, first, second } = await refundTwice();
    for (const refundId of [second, first]) await decide(orderId, refundId, 'SUCCESS');
    await untilRefunds(h, orderId, ['succeeded', 'succeeded']);
    untilStarted();
    const period = await periodOf(orderId);
    expect(period).toMatchObject({ next_grant_time: null });
    expect(period['revoke_time']).toBeInstanceOf(Date);
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.REFUNDED });
    expect((await readLogWords(h.db, userId)).filter((words) => words === 'system GRANT 500')).toHaveLength(1);
    await expectBalanced(h.db, userId);
  });
});

describe('a refund in the merchant portal while ours is open', () => {
  /** A member, and a refund of ours that WeChat Pay does not take yet: there is no money for it. */
  async function refundLater(amount = 0) {
    const member = await registerMember(h);
    await h.control('/_control/balance', { amount: 0 });
    const { refundId } = await refundOf(h, { ...member, amount });
    return { ...member, refundId };
  }
  afterEach(() => h.control('/_control/balance', { amount: ENOUGH }));

  test('of all ends all; ours is refused then, and what it had frozen ends, too', async () => {
    const { userId, orderId, refundId } = await refundLater();
    await inPortal(orderId, {});
    await untilRefunds(h, orderId, ['created', 'succeeded']);
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.REFUNDED });
    await h.control('/_control/balance', { amount: ENOUGH });
    await untilDue(orderId, ['failed', 'succeeded']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 10, quotaHeld: 0 });
    expect(await readAlertWords(h, refundId)).toContain('refund_failed open');
    expect((await readLogWords(h.db, userId)).slice(-3)).toEqual([
      ...['system HOLD -500', 'system RELEASE 500', 'system REVOKE -500'],
    ]);
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('of a part that does not fit beside it leaves nothing to refund until ours has failed, then the rest', async () => {
    const { userId, orderId } = await refundLater();
    await inPortal(orderId, { amount: 3_300 });
    await untilRefunds(h, orderId, ['created', 'succeeded']);
    const before = await readUserRows(h.db, userId);
    for (const amount of [0, 1]) {
      expect(await quoteRefundCall(h, { userId, orderId, amount })).toMatchObject({
        ...{ reason: 'ORDER_NOT_REFUNDABLE', metadata: { why: 'nothing_left', refundable: '0' } },
      });
    }
    expect(await readUserRows(h.db, userId)).toEqual(before);
    await h.control('/_control/balance', { amount: ENOUGH });
    await untilDue(orderId, ['failed', 'succeeded']);
    // What ours had frozen was not there to be ended by the part, and is in what a refund of the rest ends.
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 510, quotaHeld: 0 });
    const rest = await mustSucceed(quoteRefundCall(h, { userId, orderId }));
    expect(rest).toMatchObject({ amount: 6_600, full: true, revokedUnits: 500 });
    await expectBalanced(h.db, userId);
  });

  test('of a part that fits beside it goes back as well, and the two end everything', async () => {
    const { userId, orderId } = await refundLater(6_600);
    await inPortal(orderId, { amount: 3_300 });
    await untilRefunds(h, orderId, ['created', 'succeeded']);
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.PAID, refundedAmount: 3_300 });
    await refundsEnd('SUCCESS');
    await h.control('/_control/balance', { amount: ENOUGH });
    await untilDue(orderId, ['succeeded', 'succeeded']);
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.REFUNDED });
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('and then ours told as done, though both are more than was paid, is never applied', async () => {
    const { userId, orderId, refundId } = await refundLater();
    await inPortal(orderId, {});
    await untilRefunds(h, orderId, ['created', 'succeeded']);
    const before = await readUserRows(h.db, userId);
    const transactionId = String((await readRefundRows(h, orderId))[0]?.['transaction_id']);
    const told = refundNotification(h, { orderId, transactionId, outRefundNo: refundId });
    expect(await notify(h, told, 'refund')).toMatchObject({ status: 409 });
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect(await readAlertWords(h, refundId)).toContain('refund_unmatched open');
  });
});

describe('a refund of the merchant portal that can not reach the payer', () => {
  test('is external, stays frozen with its alerts, is asked about, and ends when people have sent it', async () => {
    const { userId, orderId } = await registerMember(h);
    await inPortal(orderId, { amount: 4_950, outcome: 'ABNORMAL' });
    const [row] = await untilRefunds(h, orderId, ['abnormal']);
    const refundId = String(row?.['id']);
    expect(row).toMatchObject({ cause: 'external', frozen_units: 250 });
    expect(row?.['next_attempt_time']).toBeInstanceOf(Date);
    const { order, refunds } = await orderOf(userId, orderId);
    expect(order).toMatchObject({ status: OrderStatus.PAID, refundedAmount: 0 });
    expect(refunds).toMatchObject([{ cause: RefundCause.EXTERNAL, status: RefundStatus.ABNORMAL }]);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 260, quotaHeld: 250 });
    expect((await readAlertWords(h, refundId)).sort()).toEqual(['refund_abnormal open', 'refund_external open']);
    // It counts as on its way: a further refund takes no more than the rest.
    expect(await mustSucceed(quoteRefundCall(h, { userId, orderId }))).toMatchObject({ refundableAmount: 4_950 });
    // The portal's second attempt is told by nobody: asking finds it.
    await h.control('/_control/refund', { order_id: orderId, out_refund_no: refundId, outcome: 'SUCCESS', drop: true });
    await untilDue(orderId, ['succeeded']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 260, quotaHeld: 0 });
    expect((await readAlertWords(h, refundId)).sort()).toEqual([
      ...['refund_abnormal refund_succeeded', 'refund_external open'],
    ]);
    await expectBalanced(h.db, userId);
  });

  test('and is closed in the end thaws', async () => {
    const { userId, orderId } = await registerMember(h);
    await inPortal(orderId, { outcome: 'ABNORMAL' });
    const [row] = await untilRefunds(h, orderId, ['abnormal']);
    await decide(orderId, String(row?.['id']), 'CLOSED');
    await untilRefunds(h, orderId, ['closed']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 510, quotaHeld: 0 });
    expect(await expectBalanced(h.db, userId)).toBe(510);
  });
});

describe('a refund notification that names another merchant', () => {
  const OTHER = '1900000109';
  const inboxOf = (refundId: string) =>
    h.db.query('SELECT id, status, reason FROM wechatpay_notifications WHERE subject_id = ?', [refundId]);

  async function accepted() {
    const { userId, orderId } = await registerMember(h);
    await refundOf(h, { userId, orderId });
    const [row = {}] = await untilRefunds(h, orderId, ['processing']);
    const ids = { transactionId: String(row['transaction_id']), refundId: String(row['refund_id']) };
    return { userId, facts: { orderId, ...ids, outRefundNo: String(row['id']) } };
  }

  test('is never applied, people are told, and the true one is applied after it', async () => {
    const { userId, facts } = await accepted();
    const before = await readUserRows(h.db, userId);
    const lie = () => notify(h, refundNotification(h, { ...facts, lies: { mchid: OTHER } }), 'refund');
    expect((await lie()).status).toBe(409);
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'refused', reason: 'mchid_mismatch' }]);
    expect(await readAlertWords(h, facts.outRefundNo)).toEqual(['refund_unmatched open']);
    expect((await notify(h, refundNotification(h, facts), 'refund')).status).toBe(204);
    await untilRefunds(h, facts.orderId, ['succeeded']);
    expect((await lie()).status).toBe(409);
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'applied', reason: '' }]);
  });

  test('leaves alone what another delivery applied meanwhile', async () => {
    const { userId, facts } = await accepted();
    expect((await notify(h, refundNotification(h, facts), 'refund')).status).toBe(204);
    const [{ id } = { id: '' }] = await inboxOf(facts.refundId);
    const before = await readUserRows(h.db, userId);
    const parts = openOrderParts(h);
    const told: RefundItem['refund'] = {
      ...{ outTradeNo: facts.orderId, transactionId: facts.transactionId, refundId: facts.refundId },
      ...{ outRefundNo: facts.outRefundNo, status: 'SUCCESS', successTime: h.clock.now(), mchid: OTHER },
      ...{ amount: fen(9_900), total: fen(9_900) },
    };
    const forRefunds = {
      ...{ ...parts, notifyUrl: '', compensationGraceDays: 7, wechatpayTimeoutMs: 1_000 },
      ...{ onStatus: () => undefined, onOrderStatus: () => undefined },
    };
    const result = await applyRefundNotification(forRefunds, { id: String(id), refund: told }, h.clock.now());
    await parts.close();
    expect(result).toEqual({ kind: 'already_applied' });
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'applied', reason: '' }]);
    expect(await readAlertWords(h, facts.outRefundNo)).toEqual([]);
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });
});

test('a number that WeChat Pay allows and we would never mint is as good as ours', async () => {
  const { userId, orderId } = await registerMember(h);
  const refundId = `|*@_-${newId('x')}`.padEnd(64, 'z').slice(0, 64);
  await inPortal(orderId, { amount: 4_950, out_refund_no: refundId, outcome: 'ABNORMAL' });
  await untilRefunds(h, orderId, ['abnormal']);
  await h.control('/_control/refund', { order_id: orderId, out_refund_no: refundId, outcome: 'SUCCESS', drop: true });
  await untilDue(orderId, ['succeeded']);
  expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 260, quotaHeld: 0 });
  await expectBalanced(h.db, userId);
});
