import { createFieldCipher } from '../../../src/platform/crypto/field-cipher';
import { createOrder, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { metric, moneyState } from '../../support/observe';
import { newTransactionId, notify, OPENID, paidNotification } from '../../support/wechat-notifier';

/** Lessons 8, 20, 38, 42: however often and from wherever the money is told, it has one effect, with evidence. */
describe('a payment notification', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const effects = async (userId: string, orderId: string) => ({
    order: await h.db.query('SELECT status, transaction_id, final_amount FROM orders WHERE id = ?', [orderId]),
    payments: await h.db.query('SELECT status, transaction_id, amount FROM payments WHERE order_id = ?', [orderId]),
    periods: await h.db.query('SELECT order_id FROM membership_periods WHERE user_id = ?', [userId]),
    grants: await h.db.query(
      'SELECT amount, quota_remaining FROM quota_logs WHERE user_id = ? AND type = ? ORDER BY sequence',
      [userId, 'GRANT'],
    ),
  });
  const paidOnce = (orderId: string, transactionId: string) => ({
    order: [{ status: 'paid', transaction_id: transactionId, final_amount: 9900 }],
    payments: [{ status: 'applied', transaction_id: transactionId, amount: 9900 }],
    periods: [{ order_id: orderId }],
    grants: [
      { amount: 10, quota_remaining: 10 },
      { amount: 500, quota_remaining: 510 },
    ],
  });

  test('pays the order: one payment, one period, one grant, one audit row, one event', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const transactionId = newTransactionId();
    const labels = { event: 'TRANSACTION.SUCCESS', result: 'applied' };
    const countBefore = await metric(h, 'billing_wechatpay_notifications_total', labels);
    expect(await notify(h, paidNotification(h, { orderId, transactionId }))).toEqual({ status: 204, code: undefined });
    expect(await effects(userId, orderId)).toEqual(paidOnce(orderId, transactionId));
    expect(await metric(h, 'billing_wechatpay_notifications_total', labels)).toBe(countBefore + 1);
    const audit = await h.db.query('SELECT action, cause FROM audit_logs WHERE subject_id = ? ORDER BY id', [orderId]);
    expect(audit.at(-1)).toEqual({ action: 'MarkOrderPaid', cause: transactionId });
    expect(audit.filter(({ action }) => action === 'MarkOrderPaid')).toHaveLength(1);
  });

  test('20 at once: all answered 204, one effect', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const transactionId = newTransactionId();
    const copies = Array.from({ length: 20 }, () => paidNotification(h, { orderId, transactionId }));
    const answers = await Promise.all(copies.map((copy) => notify(h, copy)));
    expect(answers).toEqual(Array(20).fill({ status: 204, code: undefined }));
    expect(await effects(userId, orderId)).toEqual(paidOnce(orderId, transactionId));
    const inbox = await h.db.query('SELECT status, times_received FROM wechatpay_notifications WHERE subject_id = ?', [
      transactionId,
    ]);
    expect(inbox).toEqual([{ status: 'applied', times_received: 20 }]);
  });

  test('20 duplicates of the local WeChat Pay: all 2xx, one effect', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const paid = await h.control('/_control/pay', { order_id: orderId, duplicates: 20 });
    expect(paid['deliveries']).toEqual(Array(20).fill({ status: 204, body: '' }));
    expect(await effects(userId, orderId)).toEqual(paidOnce(orderId, String(paid['transaction_id'])));
  });

  test('20 payments of one order at once: one pays it, 19 are recorded and on their way back', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const copies = Array.from({ length: 20 }, () => paidNotification(h, { orderId }));
    const answers = await Promise.all(copies.map((copy) => notify(h, copy)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(204));
    // On a busy machine one is answered before it is applied.
    await until('all are applied', async () => (await effects(userId, orderId)).payments.length === 20);
    const after = await effects(userId, orderId);
    const winner = String(after.order[0]?.['transaction_id']);
    expect({ ...after, payments: after.payments.filter(({ status }) => status === 'applied') }).toEqual(
      paidOnce(orderId, winner),
    );
    expect(after.payments).toHaveLength(20);
    const refunds = await h.db.query('SELECT cause, amount FROM refunds WHERE order_id = ?', [orderId]);
    expect(refunds).toEqual(Array(19).fill({ cause: 'automatic', amount: 9900 }));
  });

  test('a second payment of a paid order is recorded and goes back; the order and the quota stay as they are', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const first = newTransactionId();
    const second = newTransactionId();
    expect((await notify(h, paidNotification(h, { orderId, transactionId: first }))).status).toBe(204);
    const before = await effects(userId, orderId);
    for (let time = 0; time < 2; time += 1) {
      expect((await notify(h, paidNotification(h, { orderId, transactionId: second }))).status).toBe(204);
    }
    expect(await effects(userId, orderId)).toEqual({
      ...before,
      payments: expect.arrayContaining([
        ...before.payments,
        { status: expect.stringMatching(/^refund(ing|ed)$/) as string, transaction_id: second, amount: 9900 },
      ]) as unknown,
    });
    expect((await effects(userId, orderId)).payments).toHaveLength(2);
    const alerts = await h.db.query(
      "SELECT a.occurrences FROM alerts a JOIN payments p ON p.id = a.subject_id WHERE a.kind = 'payment_not_awaited' AND p.transaction_id = ?",
      [second],
    );
    expect(alerts).toEqual([{ occurrences: 1 }]);
  });

  test("the payer's openid stands nowhere in clear; the evidence opens with the data key, for its own row only", async () => {
    const orderId = await createOrder(h, await registerUser(h));
    const sent = paidNotification(h, { orderId });
    expect((await notify(h, sent)).status).toBe(204);
    const tables = ['wechatpay_notifications', 'audit_logs', 'outbox', 'payments', 'orders', 'request_keys'];
    for (const table of tables) {
      expect(JSON.stringify(await h.db.query(`SELECT * FROM ${table}`))).not.toContain(OPENID);
    }
    expect(JSON.stringify(h.logs)).not.toContain(OPENID);
    const rows = await h.db.query('SELECT * FROM wechatpay_notification_bodies');
    for (const row of rows) expect((row['sealed_body'] as Buffer).includes(OPENID)).toBe(false);

    const [{ id: inboxId = '' } = {}] = (await h.db.query(
      'SELECT id FROM wechatpay_notifications WHERE subject_id = ?',
      [sent.transactionId],
    )) as { id: string }[];
    const bodies = rows.filter((row) => row['inbox_id'] === inboxId) as { id: string; sealed_body: Buffer }[];
    expect(bodies).toHaveLength(1);
    const [{ id, sealed_body: sealed } = { id: '', sealed_body: Buffer.alloc(0) }] = bodies;
    const keys = h.infra.dataKeys.split(',').map((entry) => {
      const [keyId = '', key = ''] = entry.split(':');
      return { id: keyId, key: Buffer.from(key, 'base64') };
    });
    const place = { table: 'wechatpay_notification_bodies', column: 'sealed_body' };
    const cipher = createFieldCipher(keys);
    const evidence = JSON.parse(cipher.decrypt(sealed, { ...place, primaryKey: id })) as { resource: string };
    expect(JSON.parse(evidence.resource)).toMatchObject({ payer: { openid: OPENID }, out_trade_no: orderId });
    const another = `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`;
    expect(() => cipher.decrypt(sealed, { ...place, primaryKey: another })).toThrow('authentication');
  });

  test('no secret of the configuration stands in a log line', async () => {
    const before = await moneyState(h);
    const secrets = [h.infra.dataKeys, h.infra.accounts.app.password, 'PRIVATE KEY-----'];
    const text = JSON.stringify(h.logs);
    for (const secret of secrets) expect(text.includes(secret)).toBe(false);
    expect(await moneyState(h)).toEqual(before);
  });
});
