import { createHash } from 'node:crypto';
import { newId } from '../../support/harness';
import { openNotificationDesk, type NotificationDesk } from '../../support/notification-desk';
import {
  envelope,
  newTransactionId,
  refundNotification,
  refundOf,
  signedNotification,
} from '../../support/wechat-notifier';

/**
 * Lessons 38, 40, 42: refunds are told like payments: durable before the answer, once for each event and refund, in any
 * order of arrival. What they mean is the refund domain's; here it is scripted.
 */
describe('a refund notification', () => {
  let desk: NotificationDesk;
  beforeAll(async () => {
    desk = await openNotificationDesk();
  });
  beforeEach(() => {
    desk.answerWith('applied');
    desk.tried.length = 0;
    desk.logs.length = 0;
  });
  afterAll(() => desk.close());

  const newRefund = () => ({
    orderId: newId('O').slice(0, 32),
    transactionId: newTransactionId(),
    refundId: newTransactionId(),
  });
  const inboxOf = (subjectId: string) =>
    desk.rows.query(
      'SELECT event_type, status, reason, times_received, attempts FROM wechatpay_notifications WHERE subject_id = ? ORDER BY event_type',
      [subjectId],
    );
  const dueInSeconds = async (subjectId: string) => {
    const sql = 'SELECT next_attempt_time AS due FROM wechatpay_notifications WHERE subject_id = ?';
    const [row] = await desk.rows.query(sql, [subjectId]);
    return row?.['due'] === null
      ? null
      : Math.round(((row?.['due'] as Date).getTime() - desk.clock.now().getTime()) / 1_000);
  };

  test.each(['SUCCESS', 'CLOSED', 'ABNORMAL'] as const)(
    'REFUND.%s is stored by its refund and applied',
    async (status) => {
      const facts = { ...newRefund(), status, amount: 6_000 };
      expect(await desk.deliver(refundNotification(desk, facts))).toBe(204);
      const row = { event_type: `REFUND.${status}`, status: 'applied', reason: '', times_received: 1, attempts: 1 };
      expect(await inboxOf(facts.refundId)).toEqual([row]);
      const { orderId: outTradeNo, transactionId, refundId } = facts;
      const refund = {
        outTradeNo,
        transactionId,
        refundId,
        outRefundNo: `R-${refundId}`,
        status,
        amount: 6_000,
        total: 9_900,
      };
      expect(desk.tried).toMatchObject([{ kind: 'refund', status: 'received', refund }]);
    },
  );

  test('each event of one refund is a row of its own: it can be closed after it was stuck', async () => {
    const facts = newRefund();
    for (const status of ['ABNORMAL', 'SUCCESS'] as const) {
      expect(await desk.deliver(refundNotification(desk, { ...facts, status }))).toBe(204);
    }
    expect((await inboxOf(facts.refundId)).map((row) => row['event_type'])).toEqual([
      'REFUND.ABNORMAL',
      'REFUND.SUCCESS',
    ]);
  });

  test('before the payment it is of: 204, kept due with growing pauses, applied once the payment is known', async () => {
    const facts = newRefund();
    desk.answerWith('not_yet');
    expect(await desk.deliver(refundNotification(desk, facts))).toBe(204);
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'received', attempts: 0 }]);
    expect(await dueInSeconds(facts.refundId)).toBe(10);
    for (const pause of [10, 20, 40, 80]) {
      desk.clock.advanceMs(((await dueInSeconds(facts.refundId)) ?? 0) * 1_000 + 500);
      expect(await desk.applyDue()).toBe(1);
      expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'received' }]);
      expect(await dueInSeconds(facts.refundId)).toBe(pause);
    }
    expect(await desk.applyDue()).toBe(0);
    expect(desk.logs.filter(({ level }) => level === 'error')).toEqual([]);

    desk.answerWith('applied');
    desk.clock.advanceMs(81_000);
    expect(await desk.applyDue()).toBe(1);
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'applied' }]);
    expect(await dueInSeconds(facts.refundId)).toBeNull();
    expect(desk.tried.at(-1)).toMatchObject({ kind: 'refund', refund: { refundId: facts.refundId } });
    desk.clock.advanceMs(3_600_000);
    expect(await desk.applyDue()).toBe(0);
  });

  test('that fails to be applied is 204 and stays due; the error is logged', async () => {
    const facts = newRefund();
    desk.answerWith('throws');
    expect(await desk.deliver(refundNotification(desk, facts))).toBe(204);
    desk.clock.advanceMs(11_000);
    expect(await desk.applyDue()).toBe(1);
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'received', attempts: 1 }]);
    expect(desk.logs.filter(({ level }) => level === 'error')).toHaveLength(2);
    desk.answerWith('applied');
    desk.clock.advanceMs(11_000);
    expect(await desk.applyDue()).toBe(1);
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'applied' }]);
  });

  test('refused is 409 each time and judged afresh by what is told now', async () => {
    const facts = newRefund();
    desk.answerWith({ refused: 'exceeds_paid' });
    expect(await desk.deliver(refundNotification(desk, { ...facts, amount: 9_900 }))).toBe(409);
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'refused', reason: 'exceeds_paid' }]);
    desk.clock.advanceMs(3_600_000);
    expect(await desk.applyDue()).toBe(0);
    desk.answerWith('applied');
    expect(await desk.deliver(refundNotification(desk, { ...facts, amount: 9_000 }))).toBe(204);
    expect(desk.tried.at(-1)).toMatchObject({ refund: { amount: 9_000 } });
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'applied', reason: '', times_received: 2 }]);
  });

  test('refused before and too early now is 503: the applier leaves it alone, so WeChat Pay must send it again', async () => {
    const facts = newRefund();
    desk.answerWith({ refused: 'unknown_order' });
    expect(await desk.deliver(refundNotification(desk, facts))).toBe(409);
    desk.answerWith('not_yet');
    expect(await desk.deliver(refundNotification(desk, facts))).toBe(503);
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'refused', reason: 'unknown_order' }]);
  });

  test.each([
    ['amount', { amount: 1 }],
    ['order', { orderId: 'ANOTHER-ORDER' }],
    ['transaction', { transactionId: '4200000000000000000000000001' }],
    ['number', { outRefundNo: 'another' }],
  ])(
    'while it waits, another %s under it is 409, kept as evidence, one alert; what was stored stands',
    async (_what, change) => {
      const facts = newRefund();
      desk.answerWith('not_yet');
      expect(await desk.deliver(refundNotification(desk, facts))).toBe(204);
      for (let time = 1; time <= 2; time += 1) {
        expect(await desk.deliver(refundNotification(desk, { ...facts, ...change }))).toBe(409);
      }
      const [row] = await desk.rows.query('SELECT id, content FROM wechatpay_notifications WHERE subject_id = ?', [
        facts.refundId,
      ]);
      const stored = JSON.parse(String(row?.['content'])) as { refund: Record<string, unknown> };
      expect(stored.refund).toMatchObject({
        outTradeNo: facts.orderId,
        transactionId: facts.transactionId,
        amount: 9_900,
      });
      const bodies = await desk.rows.query('SELECT 1 FROM wechatpay_notification_bodies WHERE inbox_id = ?', [
        row?.['id'],
      ]);
      expect(bodies).toHaveLength(2);
      const alerts = await desk.rows.query('SELECT kind, occurrences FROM alerts WHERE subject_id = ?', [row?.['id']]);
      expect(alerts).toEqual([{ kind: 'refund_unmatched', occurrences: 2 }]);
      expect(desk.logs.filter(({ msg }) => msg === 'an alert was opened')).toHaveLength(1);
    },
  );

  test('a repeat that differs only in what nothing is decided by is the same (lesson 42)', async () => {
    const facts = newRefund();
    desk.answerWith('not_yet');
    expect(await desk.deliver(refundNotification(desk, facts))).toBe(204);
    const lies = { user_received_account: '支付用户零钱', success_time: '2026-07-02T00:00:00+08:00' };
    expect(await desk.deliver(refundNotification(desk, { ...facts, lies }))).toBe(204);
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'received', times_received: 2 }]);
  });

  test.each([
    ['REFUND.SUCCESS', 'CLOSED'],
    ['REFUND.CLOSED', 'SUCCESS'],
    ['REFUND.SUCCESS', 'PROCESSING'],
  ])('%s that tells the state %s contradicts itself: 400, stored nowhere', async (event, status) => {
    const facts = newRefund();
    const resource = { ...refundOf(desk, facts), refund_status: status };
    expect(await desk.deliver(signedNotification(desk, envelope(desk, resource, event)))).toBe(400);
    expect(await inboxOf(facts.refundId)).toEqual([]);
    expect(desk.logs).toMatchObject([{ level: 'warn', reason: 'malformed', cause: 'refund_status: custom' }]);
  });

  test('holds nothing personal: where the money went stays sealed', async () => {
    const facts = newRefund();
    expect(await desk.deliver(refundNotification(desk, facts))).toBe(204);
    const [row] = await desk.rows.query('SELECT * FROM wechatpay_notifications WHERE subject_id = ?', [facts.refundId]);
    expect(JSON.stringify(row)).not.toContain('招商银行');
    expect(JSON.stringify(desk.logs)).not.toContain('招商银行');
  });

  /** A row as version 0.3.0 left it: content '{}', ignored; its evidence sealed all the same. */
  async function storeAsBefore(resource: object, eventType: string, subjectId: string): Promise<string> {
    const id = newId('N').slice(0, 26);
    await desk.rows.query(
      `INSERT INTO wechatpay_notifications (id, event_type, subject_id, notification_id, content, status, create_time)
       VALUES (?, ?, ?, 'EV-1', '{}', 'ignored', '2026-01-01')`,
      [id, eventType, subjectId],
    );
    const place = { table: 'wechatpay_notification_bodies', column: 'sealed_body', primaryKey: id };
    const sealed = desk.cipher.encrypt(JSON.stringify({ headers: {}, resource: JSON.stringify(resource) }), place);
    const ofNothing = createHash('sha256').digest();
    await desk.rows.query(
      'INSERT INTO wechatpay_notification_bodies (id, inbox_id, content_hash, sealed_body, create_time) VALUES (?)',
      [[id, id, ofNothing, sealed, '2026-01-01']],
    );
    return id;
  }

  test('that 0.3.0 stored and ignored is judged when it is told again, and that is no difference', async () => {
    const facts = newRefund();
    await storeAsBefore(refundOf(desk, facts), 'REFUND.SUCCESS', facts.refundId);
    expect(await desk.deliver(refundNotification(desk, facts))).toBe(204);
    expect(await inboxOf(facts.refundId)).toMatchObject([{ status: 'applied', times_received: 2 }]);
    expect(desk.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('payments that 0.3.0 stored and did not finish are applied', async () => {
    const id = newId('N').slice(0, 26);
    const transactionId = newTransactionId();
    const content = {
      ...{
        appid: 'wx1',
        mchid: '1',
        outTradeNo: 'OLD-ORDER',
        transactionId,
        tradeState: 'SUCCESS',
        tradeType: 'NATIVE',
      },
      ...{ amountTotal: 9_900, payerTotal: null, currency: 'CNY', successTime: '2026-01-01T00:00:00.000Z' },
    };
    await desk.rows.query(
      `INSERT INTO wechatpay_notifications
         (id, event_type, subject_id, notification_id, content, status, next_attempt_time, create_time)
       VALUES (?, 'TRANSACTION.SUCCESS', ?, 'EV-1', ?, 'received', '2026-01-01', '2026-01-01')`,
      [id, transactionId, JSON.stringify(content)],
    );
    expect(await desk.applyDue()).toBe(1);
    const { successTime, ...facts } = content;
    const transaction = { ...facts, successTime: new Date(successTime), bankType: null, providerDiscounts: [] };
    expect(desk.tried).toEqual([
      { id, eventType: 'TRANSACTION.SUCCESS', status: 'received', reason: '', kind: 'payment', transaction },
    ]);
    expect(await inboxOf(transactionId)).toMatchObject([{ status: 'applied' }]);
  });
});
