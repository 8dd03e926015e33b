import {
  ListNotificationsRequest,
  NotificationStatus,
  type Notification,
} from '../../../src/gen/billing/v1/payment_service.pb';
import { call, mustSucceed, type Identity } from '../../support/clients';
import { createOrder, newId, registerUser, startHarness, type Harness } from '../../support/harness';
import { moneyState } from '../../support/observe';
import {
  envelope,
  newTransactionId,
  notify,
  paidNotification,
  signedNotification,
} from '../../support/wechat-notifier';

/** R4.4: operators see what WeChat Pay told and have it judged again; each effect happens once and has an author. */
describe('PaymentService', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const list = (fields: Partial<ListNotificationsRequest> = {}, identity: Identity = 'operations') => {
    const { payment } = h.as(identity);
    return call(payment.listNotifications.bind(payment), ListNotificationsRequest.fromPartial(fields));
  };
  const replay = (notificationId: string, requestId = newId('replay'), identity: Identity = 'operations') => {
    const { payment } = h.as(identity);
    return call(payment.replayNotification.bind(payment), { requestId, notificationId });
  };

  /** Money told for an order that is not there yet. */
  async function unknownOrder(): Promise<{ orderId: string; transactionId: string; notification: Notification }> {
    const orderId = newId('O').slice(0, 32);
    const transactionId = newTransactionId();
    expect((await notify(h, paidNotification(h, { orderId, transactionId }))).status).toBe(409);
    const { notifications } = await mustSucceed(list({ status: NotificationStatus.REFUSED }));
    const notification = notifications.find(({ subjectId }) => subjectId === transactionId);
    if (notification === undefined) throw new Error('it is not listed');
    return { orderId, transactionId, notification };
  }

  /** Restores an order under the number that was told. */
  async function restoreOrder(orderId: string): Promise<void> {
    const template = await createOrder(h, await registerUser(h));
    const [columns] = await h.db.query('SELECT * FROM orders WHERE id = ?', [template]);
    const row = { ...columns, id: orderId };
    await h.db.query(`INSERT INTO orders (${Object.keys(row).join(', ')}) VALUES (?)`, [Object.values(row)]);
  }
  const effectsOf = async (orderId: string) => ({
    status: (await h.db.query('SELECT status FROM orders WHERE id = ?', [orderId]))[0]?.['status'],
    payments: (await h.db.query('SELECT 1 FROM payments WHERE order_id = ?', [orderId])).length,
    periods: (await h.db.query('SELECT 1 FROM membership_periods WHERE order_id = ?', [orderId])).length,
  });

  test('replays money that was refused once its order is there: applied once, whoever asks how often', async () => {
    const { orderId, notification } = await unknownOrder();
    const { notificationId } = notification;
    expect(notification).toMatchObject({ orderId, status: NotificationStatus.REFUSED, reason: 'unknown_order' });
    const before = await moneyState(h);
    const early = await mustSucceed(replay(notificationId));
    expect(early).toMatchObject({ replayed: false, notification: { status: NotificationStatus.REFUSED } });
    const { payments: paidBefore } = before as { payments: unknown };
    expect((await moneyState(h))['payments']).toEqual(paidBefore);

    await restoreOrder(orderId);
    const ids = Array.from({ length: 20 }, () => newId('race'));
    const answers = await Promise.all(ids.map((requestId) => mustSucceed(replay(notificationId, requestId))));
    for (const { notification: now } of answers) expect(now?.status).toBe(NotificationStatus.APPLIED);
    expect(await effectsOf(orderId)).toEqual({ status: 'paid', payments: 1, periods: 1 });

    const [first = ''] = ids;
    const again = await mustSucceed(replay(notificationId, first));
    expect(again).toEqual({
      replayed: true,
      notification: expect.objectContaining({ applyTime: expect.any(Date) as Date }),
    });
    expect(await effectsOf(orderId)).toEqual({ status: 'paid', payments: 1, periods: 1 });
    const audit = await h.db.query("SELECT actor FROM audit_logs WHERE action = 'ReplayNotification' AND cause = ?", [
      first,
    ]);
    expect(audit).toEqual([{ actor: expect.stringMatching(/^spiffe:\/\/billing\/operations\//) as string }]);
  });

  test('lists newest first, by status, page by page, without a gap or a repeat', async () => {
    for (let n = 0; n < 5; n += 1) await unknownOrder();
    const whole = (await mustSucceed(list())).notifications;
    expect(whole.map(({ notificationId }) => notificationId)).toEqual(
      whole
        .map(({ notificationId }) => notificationId)
        .sort()
        .reverse(),
    );
    const seen: Notification[] = [];
    let pageToken = '';
    do {
      const page = await mustSucceed(list({ pageSize: 2, pageToken, status: NotificationStatus.REFUSED }));
      seen.push(...page.notifications);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(whole.filter(({ status }) => status === NotificationStatus.REFUSED));
    expect(seen.length).toBeGreaterThanOrEqual(5);
  });

  test('shows what nothing applies as ignored, without an order', async () => {
    const event = { ...envelope(h, {}, 'COUPON.USE'), id: newId('EV').slice(0, 36) };
    expect((await notify(h, signedNotification(h, event))).status).toBe(204);
    const { notifications } = await mustSucceed(list({ status: NotificationStatus.IGNORED }));
    const ignored = { eventType: 'COUPON.USE', orderId: '', status: NotificationStatus.IGNORED, applyTime: undefined };
    expect(notifications).toMatchObject([{ ...ignored, subjectId: event.id, timesReceived: 1 }]);
  });

  test('refuses, in this order: malformed, not there, an id of another replay; nothing changes', async () => {
    const [one, two] = [await unknownOrder(), await unknownOrder()];
    const requestId = newId('replay');
    await mustSucceed(replay(one.notification.notificationId, requestId));
    const before = await moneyState(h);
    expect(await replay('', 'x')).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['notification_id'] });
    expect(await replay(one.notification.notificationId, '')).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['request_id'],
    });
    expect(await replay('nothing', requestId)).toMatchObject({ code: 'NOT_FOUND', reason: 'NOTIFICATION_NOT_FOUND' });
    expect(await replay(two.notification.notificationId, requestId)).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    expect(await list({ pageToken: 'x' })).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['page_token'] });
    expect(await list({ status: 9 as NotificationStatus })).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['status'],
    });
    expect(await replay(two.notification.notificationId, newId('r'), 'finance')).toMatchObject({
      reason: 'CALLER_NOT_ALLOWED',
    });
    expect(await moneyState(h)).toEqual(before);
  });
});
