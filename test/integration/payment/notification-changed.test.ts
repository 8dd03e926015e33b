import { createFieldCipher } from '../../../src/platform/crypto/field-cipher';
import { createOrder, newId, registerUser, startHarness, type Harness } from '../../support/harness';
import { metric, moneyState } from '../../support/observe';
import { newTransactionId, notify, paidNotification } from '../../support/wechat-notifier';

/**
 * Design §6: a row that was refused is judged by what is told now, so that money told wrongly once is not refused for
 * ever; a row that was applied stands. Whatever was told is kept as evidence, once.
 */
describe('a transaction that is told differently', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const PAID = { status: 204, code: undefined };
  const REFUSED = { status: 409, code: 'FAIL' };

  async function pendingOrder() {
    const userId = await registerUser(h);
    return { userId, orderId: await createOrder(h, userId), transactionId: newTransactionId() };
  }
  const inboxOf = async (transactionId: string) =>
    (await h.db.query('SELECT * FROM wechatpay_notifications WHERE subject_id = ?', [transactionId]))[0] ?? {};
  const paymentsOf = (orderId: string) =>
    h.db.query('SELECT status, transaction_id, amount FROM payments WHERE order_id = ?', [orderId]);
  const errorsAbout = (transactionId: string) => async () => {
    const { id } = await inboxOf(transactionId);
    return h.logs.filter((line) => line['level'] === 'error' && line['inboxId'] === id).map((line) => line['msg']);
  };
  const alertsAbout = async (transactionId: string) => {
    const { id } = await inboxOf(transactionId);
    return h.db.query('SELECT kind, occurrences FROM alerts WHERE subject_id = ?', [id]);
  };
  const counted = (result: string) =>
    metric(h, 'billing_wechatpay_notifications_total', { event: 'TRANSACTION.SUCCESS', result });

  /** The amounts told, as the sealed bodies of an inbox row have them, oldest first. */
  async function amountsInEvidence(transactionId: string): Promise<readonly number[]> {
    const { id: inboxId } = await inboxOf(transactionId);
    const sql = 'SELECT id, sealed_body FROM wechatpay_notification_bodies WHERE inbox_id = ? ORDER BY create_time, id';
    const bodies = (await h.db.query(sql, [inboxId])) as { id: string; sealed_body: Buffer }[];
    const keys = h.infra.dataKeys.split(',').map((entry) => {
      const [id = '', key = ''] = entry.split(':');
      return { id, key: Buffer.from(key, 'base64') };
    });
    const cipher = createFieldCipher(keys);
    return bodies.map(({ id, sealed_body }) => {
      const place = { table: 'wechatpay_notification_bodies', column: 'sealed_body', primaryKey: id };
      const { resource } = JSON.parse(cipher.decrypt(sealed_body, place)) as { resource: string };
      return (JSON.parse(resource) as { amount: { total: number } }).amount.total;
    });
  }

  const DIFFERS = 'a repeated notification tells something else';

  test('is paid by the right content though the first was wrong; afterwards the wrong one is refused again', async () => {
    const { orderId, transactionId } = await pendingOrder();
    const tell = (amount: number) => notify(h, paidNotification(h, { orderId, transactionId, amount }));
    const errors = errorsAbout(transactionId);
    const before = await moneyState(h);
    expect(await tell(9899)).toEqual(REFUSED);
    expect(await tell(9898)).toEqual(REFUSED);
    expect(await tell(9898)).toEqual(REFUSED);
    expect(await moneyState(h)).toEqual(before);
    expect(await inboxOf(transactionId)).toMatchObject({ status: 'refused', reason: 'amount_mismatch' });
    expect(await errors()).toEqual([DIFFERS]);

    expect(await tell(9900)).toEqual(PAID);
    const paid = await moneyState(h);
    expect(await paymentsOf(orderId)).toEqual([{ status: 'applied', transaction_id: transactionId, amount: 9900 }]);
    expect(await inboxOf(transactionId)).toMatchObject({ status: 'applied', reason: '', times_received: 4 });

    const changedBefore = await counted('content_changed');
    expect(await tell(9900)).toEqual(PAID);
    expect(await tell(9899)).toEqual(REFUSED);
    expect(await tell(9898)).toEqual(REFUSED);
    expect(await counted('content_changed')).toBe(changedBefore + 2);
    expect(await moneyState(h)).toEqual(paid);
    expect(await errors()).toEqual([DIFFERS]);
    expect(await alertsAbout(transactionId)).toEqual([{ kind: 'payment_mismatch', occurrences: 2 }]);
    expect(await amountsInEvidence(transactionId)).toEqual([9899, 9898, 9900]);
  });

  test('is refused with the reason of what is told now, and the row tells the latest reason', async () => {
    const { orderId, transactionId } = await pendingOrder();
    const before = await moneyState(h);
    const unknown = newId('O').slice(0, 32);
    expect(await notify(h, paidNotification(h, { orderId: unknown, transactionId }))).toEqual(REFUSED);
    expect(await inboxOf(transactionId)).toMatchObject({ status: 'refused', reason: 'unknown_order' });
    const mismatchesBefore = await counted('mchid_mismatch');
    const lies = { mchid: '1900000001' };
    expect(await notify(h, paidNotification(h, { orderId, transactionId, lies }))).toEqual(REFUSED);
    expect(await counted('mchid_mismatch')).toBe(mismatchesBefore + 1);
    expect(await inboxOf(transactionId)).toMatchObject({ status: 'refused', reason: 'mchid_mismatch' });
    expect(await moneyState(h)).toEqual(before);
  });

  test('after it was applied is 409 each time, an error once, and kept as evidence once', async () => {
    const { orderId, transactionId } = await pendingOrder();
    expect(await notify(h, paidNotification(h, { orderId, transactionId }))).toEqual(PAID);
    const before = await moneyState(h);
    const changedBefore = await counted('content_changed');
    for (let time = 0; time < 3; time += 1) {
      expect(await notify(h, paidNotification(h, { orderId, transactionId, amount: 1 }))).toEqual(REFUSED);
    }
    for (const lies of [
      { mchid: '1900000001' },
      { appid: 'wx0' },
      { out_trade_no: 'O-1' },
      { trade_state: 'CLOSED' },
    ]) {
      expect(await notify(h, paidNotification(h, { orderId, transactionId, lies }))).toEqual(REFUSED);
    }
    expect(await counted('content_changed')).toBe(changedBefore + 7);
    expect(await errorsAbout(transactionId)()).toEqual([DIFFERS]);
    expect(await alertsAbout(transactionId)).toEqual([{ kind: 'payment_mismatch', occurrences: 7 }]);
    expect(await amountsInEvidence(transactionId)).toEqual([9900, 1, 9900, 9900, 9900, 9900]);
    expect(await inboxOf(transactionId)).toMatchObject({ status: 'applied', reason: '', times_received: 8 });
    expect(await moneyState(h)).toEqual(before);
  });

  test('20 times right and 20 times wrong at once: paid once; each right one is 204, each wrong one 409', async () => {
    const { userId, orderId, transactionId } = await pendingOrder();
    expect(await notify(h, paidNotification(h, { orderId, transactionId, amount: 1 }))).toEqual(REFUSED);
    const amounts = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? 9900 : 2));
    const told = amounts.map((amount) => paidNotification(h, { orderId, transactionId, amount }));
    const answers = await Promise.all(told.map((one) => notify(h, one)));
    expect(answers).toEqual(amounts.map((amount) => (amount === 9900 ? PAID : REFUSED)));
    expect(await paymentsOf(orderId)).toEqual([{ status: 'applied', transaction_id: transactionId, amount: 9900 }]);
    expect(await h.db.query('SELECT order_id FROM membership_periods WHERE user_id = ?', [userId])).toHaveLength(1);
    expect([...(await amountsInEvidence(transactionId))].sort()).toEqual([1, 2, 9900]);
    expect(await errorsAbout(transactionId)()).toEqual([DIFFERS]);
  });

  test('under one money with two orders pays the order that was told when it could be applied, and no other', async () => {
    const { orderId, transactionId } = await pendingOrder();
    const other = await pendingOrder();
    expect(await notify(h, paidNotification(h, { orderId, transactionId }))).toEqual(PAID);
    const before = await moneyState(h);
    expect(await notify(h, paidNotification(h, { orderId: other.orderId, transactionId }))).toEqual(REFUSED);
    expect(await paymentsOf(other.orderId)).toEqual([]);
    expect(await moneyState(h)).toEqual(before);
  });
});
