import { createOrder, newId, registerUser, startHarness, type Harness } from '../../support/harness';
import { metric, moneyState } from '../../support/observe';
import {
  envelope,
  newTransactionId,
  notify,
  paidNotification,
  refundOf,
  signedNotification,
  transactionOf,
} from '../../support/wechat-notifier';

/** Must show 5, design §6: money that does not fit our order is recorded once, refused each time and never applied. */
describe('a true notification whose content does not match', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const inboxOf = (transactionId: string) =>
    h.db.query('SELECT status, reason, times_received FROM wechatpay_notifications WHERE subject_id = ?', [
      transactionId,
    ]);

  const right = { total: 9900, payer_total: 9900, currency: 'CNY', payer_currency: 'CNY' };
  const cases: [what: string, reason: string, lies: Record<string, unknown>][] = [
    ['one fen too little', 'amount_mismatch', { amount: { ...right, total: 9899 } }],
    ['one fen too much', 'amount_mismatch', { amount: { ...right, total: 9901 } }],
    ['another currency', 'currency_mismatch', { amount: { ...right, currency: 'USD' } }],
    ['another merchant', 'mchid_mismatch', { mchid: '1900000001' }],
    ['another app', 'appid_mismatch', { appid: 'wx0000000000000000' }],
    ['a payment that did not succeed', 'not_success', { trade_state: 'CLOSED' }],
    ['an order that is not ours', 'unknown_order', { out_trade_no: 'SOMEBODY-ELSES-ORDER' }],
  ];

  test.each(cases)('%s: 409 %s, stored once, repeats only counted', async (_what, reason, lies) => {
    const orderId = await createOrder(h, await registerUser(h));
    const transactionId = newTransactionId();
    const before = await moneyState(h);
    const labels = { event: 'TRANSACTION.SUCCESS', result: reason };
    const countBefore = await metric(h, 'billing_wechatpay_notifications_total', labels);
    const linesBefore = h.logs.length;

    for (const times of [1, 2, 3]) {
      const answer = await notify(h, paidNotification(h, { orderId, transactionId, lies }));
      expect(answer).toEqual({ status: 409, code: 'FAIL' });
      expect(await inboxOf(transactionId)).toEqual([{ status: 'refused', reason, times_received: times }]);
    }

    expect(await metric(h, 'billing_wechatpay_notifications_total', labels)).toBe(countBefore + 3);
    // People see it once: one alert that counts, about the order or, where it is none of ours, about the notification.
    const [{ id: inboxId } = {}] = await h.db.query('SELECT id FROM wechatpay_notifications WHERE subject_id = ?', [
      transactionId,
    ]);
    const alerts = await h.db.query('SELECT kind, subject_type, occurrences FROM alerts WHERE subject_id IN (?, ?)', [
      ...[orderId, inboxId],
    ]);
    const isOurs = reason !== 'unknown_order';
    const kind = isOurs ? 'payment_mismatch' : 'payment_unknown_order';
    expect(alerts).toEqual([{ kind, subject_type: isOurs ? 'order' : 'notification', occurrences: 3 }]);
    const lines = h.logs.slice(linesBefore).filter(({ level }) => level === 'error');
    expect(lines).toMatchObject([
      { msg: 'an alert was opened', kind, details: { reason, transaction_id: transactionId } },
    ]);
    expect(await moneyState(h)).toEqual(before);

    const true_ = await notify(h, paidNotification(h, { orderId }));
    expect(true_.status).toBe(204);
  });

  test('money for an order that appears later is applied when WeChat Pay tells it again', async () => {
    const userId = await registerUser(h);
    const orderId = newId('O').slice(0, 32);
    const transactionId = newTransactionId();
    expect((await notify(h, paidNotification(h, { orderId, transactionId }))).status).toBe(409);

    const template = await createOrder(h, userId);
    const columns = await h.db.query('SELECT * FROM orders WHERE id = ?', [template]);
    const [names, values] = [Object.keys(columns[0] ?? {}), Object.values({ ...columns[0], id: orderId })];
    const holes = names.map(() => '?').join(', ');
    await h.db.query(`INSERT INTO orders (${names.join(', ')}) VALUES (${holes})`, values);

    const again = await notify(h, paidNotification(h, { orderId, transactionId }));
    expect(again).toEqual({ status: 204, code: undefined });
    expect(await inboxOf(transactionId)).toEqual([{ status: 'applied', reason: '', times_received: 2 }]);
    expect(await h.db.query('SELECT status FROM orders WHERE id = ?', [orderId])).toEqual([{ status: 'paid' }]);
    // Whoever was shown it need not look any more.
    const sql = `SELECT kind, resolution FROM alerts
      WHERE subject_id = (SELECT id FROM wechatpay_notifications WHERE subject_id = ?)`;
    const settled = { kind: 'payment_unknown_order', resolution: 'notification_applied' };
    expect(await h.db.query(sql, [transactionId])).toEqual([settled]);
  });

  test('a repeat that tells another amount under the same transaction is refused and moves nothing', async () => {
    const orderId = await createOrder(h, await registerUser(h));
    const transactionId = newTransactionId();
    expect((await notify(h, paidNotification(h, { orderId, transactionId }))).status).toBe(204);
    const before = await moneyState(h);
    const answer = await notify(h, paidNotification(h, { orderId, transactionId, amount: 1 }));
    expect(answer).toEqual({ status: 409, code: 'FAIL' });
    expect(await moneyState(h)).toEqual(before);
  });

  test('a repeat that differs only in what nothing is decided by is the same money: 204 (lesson 42)', async () => {
    const orderId = await createOrder(h, await registerUser(h));
    const transactionId = newTransactionId();
    expect((await notify(h, paidNotification(h, { orderId, transactionId }))).status).toBe(204);
    const before = await moneyState(h);
    const lies = { trade_type: undefined, bank_type: 'CMB_DEBIT', amount: { total: 9900, currency: 'CNY' } };
    const answer = await notify(h, paidNotification(h, { orderId, transactionId, lies }));
    expect(answer).toEqual({ status: 204, code: undefined });
    expect(await moneyState(h)).toEqual(before);
  });

  test.each(['transaction', 'refund'])(
    'an unknown event on /%s is stored, answered 204 and applied by nobody',
    async (path) => {
      const orderId = await createOrder(h, await registerUser(h));
      const before = await moneyState(h);
      const event = { ...envelope(h, transactionOf(h, { orderId }), 'COUPON.USE'), id: newId('EV').slice(0, 36) };
      for (const times of [1, 2]) {
        expect(await notify(h, signedNotification(h, event), path)).toEqual({ status: 204, code: undefined });
        expect(await inboxOf(event.id)).toEqual([{ status: 'ignored', reason: '', times_received: times }]);
      }
      expect(await moneyState(h)).toEqual(before);
    },
  );

  test('another event is one row by its own id, however often it is told', async () => {
    const before = await moneyState(h);
    const events = [1, 2].map(() => envelope(h, {}, 'COUPON.USE') as { id: string });
    for (const event of events) {
      expect(await notify(h, signedNotification(h, event), 'refund')).toEqual({ status: 204, code: undefined });
    }
    for (const { id } of events) {
      expect(await inboxOf(id)).toEqual([{ status: 'ignored', reason: '', times_received: 1 }]);
    }
    expect(await moneyState(h)).toEqual(before);
  });

  test.each([{ refund_id: undefined }, { refund_id: null }, { refund_id: 5020 }])(
    'a refund with %j is malformed: 400, stored nowhere, logged with its event id',
    async (lies) => {
      const before = await moneyState(h);
      const resource = refundOf(h, { orderId: 'O-123456', transactionId: newTransactionId(), lies });
      const event = envelope(h, resource, 'REFUND.SUCCESS') as { id: string };
      expect(await notify(h, signedNotification(h, event), 'refund')).toEqual({ status: 400, code: 'FAIL' });
      expect(await inboxOf(event.id)).toEqual([]);
      const lines = h.logs.filter((line) => line['notificationId'] === event.id);
      expect(lines).toMatchObject([{ level: 'warn', reason: 'malformed', cause: 'refund_id: invalid_type' }]);
      expect(await moneyState(h)).toEqual(before);
    },
  );
});
