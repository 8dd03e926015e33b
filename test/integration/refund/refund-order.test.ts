import { OrderStatus, RefundCause, RefundStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { call, mustSucceed } from '../../support/clients';
import {
  consume,
  newId,
  refund,
  registerMember,
  registerUser,
  startHarness,
  until,
  type Harness,
} from '../../support/harness';
import { createOrderCall, getOrderCall } from '../../support/order-calls';
import { getQuota, hold, release } from '../../support/quota-calls';
import { quoteRefundCall, readRefundRows, refundOf, refundOrderCall, untilRefunds } from '../../support/refund-calls';
import { expectBalanced, readLogWords, readUserRows } from '../../support/user-rows';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());
/** What becomes of refunds by themselves; PROCESSING: nothing. */
const refundsEnd = (outcome: string) => h.control('/_control/refunds', { outcome });
beforeEach(() => refundsEnd('SUCCESS'));

async function membershipOf(userId: string) {
  const { membership } = h.as('order-service');
  const answer = await mustSucceed(call(membership.getMembership.bind(membership), { userId }));
  return answer.membership;
}

const orderOf = async (userId: string, orderId: string) => mustSucceed(getOrderCall(h, userId, orderId));

async function actionsOf(userId: string): Promise<string[]> {
  const rows = await h.db.query('SELECT action, after_state FROM audit_logs WHERE user_id = ? ORDER BY id', [userId]);
  return rows.map(({ action }) => String(action));
}

/** When the period of an order ended before each refund of it and after, as the audit trail keeps it. */
async function countedPeriods(orderId: string): Promise<unknown[][]> {
  const rows = await h.db.query(
    "SELECT before_state, after_state FROM audit_logs WHERE subject_id = ? AND action = 'CountRefund' ORDER BY id",
    [orderId],
  );
  const periodIn = (state: unknown) => (JSON.parse(String(state)) as { period: unknown }).period;
  return rows.map(({ before_state: before, after_state: after }) => [periodIn(before), periodIn(after)]);
}

async function eventsOf(userId: string): Promise<string[]> {
  const sql =
    "SELECT type FROM outbox WHERE user_id = ? AND type NOT LIKE 'quota.%' AND type NOT LIKE 'payment.%' ORDER BY id";
  return (await h.db.query(sql, [userId])).map(({ type }) => String(type));
}

describe('RefundOrder of all that was paid', () => {
  test('freezes what is unspent at once, and ends everything when the money went back', async () => {
    await refundsEnd('PROCESSING');
    const { userId, orderId } = await registerMember(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 110 }));
    const quote = await mustSucceed(quoteRefundCall(h, { userId, orderId }));
    expect(quote).toMatchObject({ amount: 9_900, refundableAmount: 9_900, full: true, revokedUnits: 400 });

    const answer = await mustSucceed(refundOrderCall(h, { userId, orderId, requestId: 'r' }));
    const { refundId = '' } = answer.refund ?? {};
    expect(answer.refund).toMatchObject({
      ...{ orderId, userId, amount: 9_900, currency: 'CNY', status: RefundStatus.PROCESSING, frozenUnits: 400 },
      ...{ cause: RefundCause.REQUESTED, reason: '用户申请退款', successTime: undefined },
    });
    expect(answer.refund?.wechatpayRefundId).not.toBe('');
    expect(answer).toMatchObject({ order: { status: OrderStatus.PAID, refundedAmount: 0 }, replayed: false });
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 0, quotaHeld: 400 });
    expect(await membershipOf(userId)).toMatchObject({ active: true });

    await h.control('/_control/refund', { order_id: orderId, out_refund_no: refundId });
    await untilRefunds(h, orderId, ['succeeded']);
    const { order, refunds } = await orderOf(userId, orderId);
    expect(order).toMatchObject({ status: OrderStatus.REFUNDED, refundedAmount: 9_900 });
    expect(refunds).toMatchObject([{ refundId, status: RefundStatus.SUCCEEDED, frozenUnits: 400 }]);
    expect(refunds[0]?.successTime).toBeInstanceOf(Date);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 0, quotaHeld: 0, grants: [] });
    expect(await membershipOf(userId)).toMatchObject({ active: false });
    expect((await readLogWords(h.db, userId)).slice(3)).toEqual([
      ...['system HOLD -400', 'system RELEASE 400', 'system REVOKE -400'],
    ]);
    const [payment] = await h.db.query('SELECT status FROM payments WHERE order_id = ?', [orderId]);
    expect(payment?.['status']).toBe('applied');
    expect((await actionsOf(userId)).slice(-4)).toEqual(['RefundOrder', 'MoveRefund', 'MoveRefund', 'CountRefund']);
    expect((await eventsOf(userId)).slice(-5)).toEqual([
      ...['refund.requested', 'refund.processing', 'refund.succeeded', 'membership.revoked', 'order.refunded'],
    ]);
    const replay = await mustSucceed(refundOrderCall(h, { userId, orderId, requestId: 'r' }));
    expect(replay).toMatchObject({ replayed: true, refund: { refundId, status: RefundStatus.SUCCEEDED } });
    expect(await expectBalanced(h.db, userId)).toBe(0);
  });

  test('ends what comes back to the lot later, and what is held when it comes back', async () => {
    const { userId, orderId } = await registerMember(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 30 }));
    await mustSucceed(hold(h, { requestId: 'h', userId, amount: 50 }));
    expect(await refundOf(h, { userId, orderId })).toMatchObject({ frozenUnits: 430 });
    await untilRefunds(h, orderId, ['succeeded']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 0, quotaHeld: 50 });
    await mustSucceed(release(h, { requestId: 'k', userId, holdId: 'h' }));
    await mustSucceed(refund(h, { requestId: 'b', userId, consumeRequestId: 'c' }));
    // The registration grant's ten came back; all that was paid for ended.
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 10, quotaHeld: 0 });
    expect(await expectBalanced(h.db, userId)).toBe(10);
  });

  test('leaves the periods bought after it where they are, and a new one follows the last that counts', async () => {
    const { userId, orderId: first } = await registerMember(h);
    const buy = async (): Promise<string> => {
      const { order } = await mustSucceed(createOrderCall(h, { userId }));
      await h.control('/_control/pay', { order_id: order?.orderId });
      return order?.orderId ?? '';
    };
    const [second, third] = [await buy(), await buy()];
    const before = await periodsOf(userId);
    // The middle one has not started: it is revoked whole, and nothing of it is ever given.
    await refundOf(h, { userId, orderId: second });
    await untilRefunds(h, second, ['succeeded']);
    const after = await periodsOf(userId);
    expect(after.map(({ start_time: start, end_time: end }) => [start, end])).toEqual(
      before.map(({ start_time: start, end_time: end }) => [start, end]),
    );
    expect(after.map(({ revoke_time: time, next_grant_time: next }) => [time !== null, next !== null])).toEqual([
      ...[
        [false, false],
        [true, false],
        [false, true],
      ],
    ]);
    expect(await membershipOf(userId)).toMatchObject({ active: true, expireTime: before[0]?.['end_time'] });
    // Now the last: what is bought next follows the first.
    await refundOf(h, { userId, orderId: third });
    await untilRefunds(h, third, ['succeeded']);
    const fourth = await buy();
    const [, , , last] = await periodsOf(userId);
    expect(last).toMatchObject({ order_id: fourth, start_time: before[0]?.['end_time'], period_no: 4 });
    await refundOf(h, { userId, orderId: first });
    await untilRefunds(h, first, ['succeeded']);
    expect(await membershipOf(userId)).toMatchObject({ active: false });
    const [user] = await h.db.query('SELECT membership_expire_time AS time FROM users WHERE id = ?', [userId]);
    expect(user?.['time']).toEqual(last?.['end_time']);
    await expectBalanced(h.db, userId);
  });
});

const periodsOf = (userId: string) =>
  h.db.query('SELECT * FROM membership_periods WHERE user_id = ? ORDER BY period_no', [userId]);

describe('RefundOrder of a part', () => {
  test('ends the same part of what is unspent and of the time that is left, and the rest the rest', async () => {
    const { userId, orderId } = await registerMember(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 10 }));
    const [period] = await periodsOf(userId);
    const quote = await mustSucceed(quoteRefundCall(h, { userId, orderId, amount: 3_300 }));
    expect(quote).toMatchObject({ amount: 3_300, refundableAmount: 9_900, full: false, revokedUnits: 166 });
    await refundOf(h, { userId, orderId, amount: 3_300 });
    await untilRefunds(h, orderId, ['succeeded']);
    const { order } = await orderOf(userId, orderId);
    expect(order).toMatchObject({ status: OrderStatus.PAID, refundedAmount: 3_300 });
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 334, quotaHeld: 0 });
    const [shorter] = await periodsOf(userId);
    const [start = 0, end = 0, newEnd = 0] = [period?.['start_time'], period?.['end_time'], shorter?.['end_time']].map(
      (time) => (time as Date).getTime(),
    );
    // A third of a period of which seconds are gone.
    expect(Math.abs(newEnd - (end - (end - start) / 3))).toBeLessThan(MINUTE_MS);
    expect(Math.abs(newEnd - (quote.periodEndTime?.getTime() ?? 0))).toBeLessThan(MINUTE_MS);
    expect((await membershipOf(userId))?.expireTime?.getTime()).toBe(newEnd);
    const [whole, left] = [end, newEnd].map((time) => ({ end_time: new Date(time).toISOString(), revoke_time: null }));
    expect(await countedPeriods(orderId)).toEqual([[whole, left]]);

    // All that is left, too: a minute later, and then everything ends.
    const rest = await refundOf(h, { userId, orderId });
    expect(rest).toMatchObject({ amount: 6_600, frozenUnits: 334, status: RefundStatus.CREATED });
    h.clock.advanceMs(70_000);
    await untilRefunds(h, orderId, ['succeeded', 'succeeded']);
    expect((await orderOf(userId, orderId)).order).toMatchObject({ status: OrderStatus.REFUNDED });
    expect(await membershipOf(userId)).toMatchObject({ active: false });
    const [over] = await periodsOf(userId);
    const [ended, revoked] = [over?.['end_time'], over?.['revoke_time']].map((time) => (time as Date).toISOString());
    expect((await countedPeriods(orderId))[1]).toEqual([left, { end_time: ended, revoke_time: revoked }]);
    expect(await expectBalanced(h.db, userId)).toBe(0);
  });

  test('of a period that has not started ends its part of the time, and of the units when they are given', async () => {
    await refundsEnd('PROCESSING');
    const { userId } = await registerMember(h);
    const { order } = await mustSucceed(createOrderCall(h, { userId }));
    const orderId = order?.orderId ?? '';
    await h.control('/_control/pay', { order_id: orderId });
    const [, ahead] = await periodsOf(userId);
    const quote = await mustSucceed(quoteRefundCall(h, { userId, orderId, amount: 4_950 }));
    expect(quote).toMatchObject({ revokedUnits: 250, full: false });
    const { refundId } = await refundOf(h, { userId, orderId, amount: 4_950 });
    // While the outcome is open its lot is not given, even when its time has come.
    expect((await periodsOf(userId))[1]).toMatchObject({ next_grant_time: null });
    expect(await readRefundRows(h, orderId)).toMatchObject([
      { paused_grant_time: ahead?.['next_grant_time'], frozen_units: 0 },
    ]);
    await h.control('/_control/refund', { order_id: orderId, out_refund_no: refundId });
    await untilRefunds(h, orderId, ['succeeded']);
    const [, shorter] = await periodsOf(userId);
    const lengthMs = (of?: Record<string, unknown>): number =>
      (of?.['end_time'] as Date).getTime() - (of?.['start_time'] as Date).getTime();
    expect(lengthMs(shorter)).toBe(Math.ceil(lengthMs(ahead) / 2));
    expect(shorter).toMatchObject({ revoke_units: 250, next_grant_time: ahead?.['next_grant_time'] });
    h.clock.advanceMs(32 * DAY_MS);
    await untilGranted(userId, 2);
    expect((await readLogWords(h.db, userId)).slice(-2)).toEqual(['system GRANT 500', 'system REVOKE -250']);
    expect((await getQuota(h, userId)).grants).toMatchObject([{ remaining: 250, expireTime: shorter?.['end_time'] }]);
    expect(await expectBalanced(h.db, userId)).toBe(250);
  });

  async function untilGranted(userId: string, lots: number): Promise<void> {
    await until('the lot', async () => {
      const sql = "SELECT 1 FROM quota_grants WHERE user_id = ? AND source = 'membership'";
      return (await h.db.query(sql, [userId])).length === lots;
    });
  }

  test('twice at once sends the second a minute later, and both fit', async () => {
    const { userId, orderId } = await registerMember(h);
    const [first, second] = await Promise.all([
      refundOf(h, { userId, orderId, amount: 100 }),
      refundOf(h, { userId, orderId, amount: 200 }),
    ]);
    expect([first.amount, second.amount].sort()).toEqual([100, 200]);
    const rows = await readRefundRows(h, orderId);
    expect(rows.filter(({ status }) => status === 'created')).toHaveLength(1);
    h.clock.advanceMs(70_000);
    await untilRefunds(h, orderId, ['succeeded', 'succeeded']);
    expect((await orderOf(userId, orderId)).order).toMatchObject({ refundedAmount: 300 });
  });
});

/** Lesson 1: a refusal changes nothing. */
describe('RefundOrder and QuoteRefund refuse and change nothing', () => {
  async function expectRefused(
    fields: { userId: string; orderId: string; amount?: number },
    reason: string,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const before = await readUserRows(h.db, fields.userId);
    expect(await refundOrderCall(h, fields)).toMatchObject({ ok: false, reason, metadata });
    expect(await quoteRefundCall(h, fields)).toMatchObject({ ok: false, reason, metadata });
    expect(await readUserRows(h.db, fields.userId)).toEqual(before);
  }
  const why = (word: string, refundable: number) => ({ why: word, refundable: String(refundable) });

  test('an order that is not the user’s, or not there', async () => {
    const { orderId } = await registerMember(h);
    const userId = await registerUser(h);
    await expectRefused({ userId, orderId }, 'ORDER_NOT_FOUND');
    await expectRefused({ userId: newId('nobody'), orderId }, 'ORDER_NOT_FOUND');
    await expectRefused({ userId, orderId: '01K000000000000000000000NO' }, 'ORDER_NOT_FOUND');
  });

  test('an order that was not paid', async () => {
    const userId = await registerUser(h);
    const { order } = await mustSucceed(createOrderCall(h, { userId }));
    await expectRefused({ userId, orderId: order?.orderId ?? '' }, 'ORDER_NOT_REFUNDABLE', why('not_paid', 0));
  });

  test('more than was paid, and anything when nothing is left (lesson 39)', async () => {
    const { userId, orderId } = await registerMember(h);
    await expectRefused({ userId, orderId, amount: 9_901 }, 'ORDER_NOT_REFUNDABLE', why('exceeds_paid', 9_900));
    await refundOf(h, { userId, orderId, amount: 6_000 });
    await untilRefunds(h, orderId, ['succeeded']);
    await expectRefused({ userId, orderId, amount: 3_901 }, 'ORDER_NOT_REFUNDABLE', why('exceeds_paid', 3_900));
    await refundOf(h, { userId, orderId });
    await expectRefused({ userId, orderId, amount: 1 }, 'ORDER_NOT_REFUNDABLE', why('nothing_left', 0));
    await expectRefused({ userId, orderId }, 'ORDER_NOT_REFUNDABLE', why('nothing_left', 0));
  });

  test('an order paid a year ago', async () => {
    const { userId, orderId } = await registerMember(h);
    h.clock.advanceMs(366 * DAY_MS);
    // The membership has ended meanwhile, and events of then are not kept: after both, nothing moves by itself any more.
    await until('the end is told', async () => {
      const sql = 'SELECT 1 FROM membership_notices WHERE user_id = ? AND next_time IS NULL';
      return (await h.db.query(sql, [userId])).length === 1;
    });
    await until('old events are gone', async () => {
      const sql = 'SELECT 1 FROM outbox WHERE user_id = ? AND create_time < ?';
      return (await h.db.query(sql, [userId, new Date(h.clock.now().getTime() - 300 * DAY_MS)])).length === 0;
    });
    await expectRefused({ userId, orderId }, 'ORDER_NOT_REFUNDABLE', why('too_late', 9_900));
  });

  test('the same request id with other content', async () => {
    const { userId, orderId } = await registerMember(h);
    await refundOf(h, { userId, orderId, amount: 100, requestId: 'r' });
    await untilRefunds(h, orderId, ['succeeded']);
    const before = await readUserRows(h.db, userId);
    for (const other of [{ amount: 101 }, { reason: '别的' }]) {
      const answer = await refundOrderCall(h, { userId, orderId, amount: 100, requestId: 'r', ...other });
      expect(answer).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    }
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test.each([
    ['no reason', { reason: '' }],
    ['a blank reason', { reason: '  ' }],
    ['more than 80 bytes', { reason: '退'.repeat(27) }],
    ['more than 80 characters', { reason: 'x'.repeat(81) }],
    ['a control character', { reason: 'a\nb' }],
    ['a character of four bytes, which WeChat Pay refuses', { reason: '谢谢🙏' }],
    ['a negative amount', { amount: -1 }],
    ['no request id', { requestId: '' }],
    ['a malformed order id', { orderId: '?' }],
  ])('%s', async (_title, fields) => {
    const { userId, orderId } = await registerMember(h);
    const before = await readUserRows(h.db, userId);
    expect(await refundOrderCall(h, { userId, orderId, ...fields })).toMatchObject({ reason: 'INVALID_REQUEST' });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test('a reason of exactly 80 bytes is taken', async () => {
    const { userId, orderId } = await registerMember(h);
    const reason = `${'退'.repeat(26)}款!`.slice(0, 26) + 'ab';
    expect(Buffer.byteLength(reason)).toBe(80);
    expect(await refundOf(h, { userId, orderId, reason })).toMatchObject({ reason });
  });

  test('anybody but finance', async () => {
    const { userId, orderId } = await registerMember(h);
    for (const identity of ['order-service', 'operations', 'auditor', 'ai-task-service'] as const) {
      expect(await refundOrderCall(h, { userId, orderId }, identity)).toMatchObject({ ok: false });
    }
    expect(await readRefundRows(h, orderId)).toEqual([]);
  });
});
