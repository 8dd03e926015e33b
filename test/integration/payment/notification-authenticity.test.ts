import { createOrder, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { metric, moneyState } from '../../support/observe';
import {
  envelope,
  notify,
  paidNotification,
  signedHeaders,
  signedNotification,
  transactionOf,
  type Notification,
} from '../../support/wechat-notifier';

/**
 * Must show 5: what WeChat Pay did not sign, signed too long ago or can not have meant is answered as the contract says,
 * changes nothing anywhere, and is counted by reason.
 */
describe('a notification that may not be believed', () => {
  let h: Harness;
  let orderId: string;
  beforeAll(async () => {
    h = await startHarness();
    orderId = await createOrder(h, await registerUser(h));
  });
  afterAll(() => h.stop());

  type Spoil = (right: Notification) => Notification;
  const header = (name: string, change: (value: string) => string): Spoil => {
    return ({ headers, ...rest }) => ({ ...rest, headers: { ...headers, [name]: change(headers[name] ?? '') } });
  };
  const without = (name: string): Spoil => {
    return ({ headers, ...rest }) => ({
      ...rest,
      headers: Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name)),
    });
  };
  const otherLastCharacter = (value: string): string => value.slice(0, -1) + (value.endsWith('0') ? '1' : '0');
  const oneBitOff = (signature: string): string => {
    const bytes = Buffer.from(signature, 'base64');
    bytes.writeUInt8(bytes.readUInt8(9) ^ 1, 9);
    return bytes.toString('base64');
  };
  const anotherOrder: Spoil = (right) => {
    const body = Buffer.from(right.body.toString('utf8').replace('支付成功', '支付成工'));
    return { ...right, body };
  };
  const aged =
    (ageMs: number): Spoil =>
    () =>
      paidNotification(h, { orderId }, ageMs);

  const cases: [what: string, status: number, reason: string, spoil: Spoil][] = [
    ['whose body was altered', 401, 'signature_invalid', anotherOrder],
    [
      'whose body got a line feed',
      401,
      'signature_invalid',
      (n) => ({ ...n, body: Buffer.concat([n.body, Buffer.from('\n')]) }),
    ],
    ['whose nonce was altered', 401, 'signature_invalid', header('wechatpay-nonce', otherLastCharacter)],
    [
      'whose timestamp was altered',
      401,
      'signature_invalid',
      header('wechatpay-timestamp', (t) => String(Number(t) - 1)),
    ],
    ['whose signature was altered', 401, 'signature_invalid', header('wechatpay-signature', oneBitOff)],
    ['whose signature is not base64', 401, 'signature_invalid', header('wechatpay-signature', () => '!')],
    [
      'of another scheme',
      401,
      'signature_invalid',
      header('wechatpay-signature-type', () => 'WECHATPAY2-SM2-WITH-SM3'),
    ],
    ['whose serial is unknown', 401, 'unknown_serial', header('wechatpay-serial', otherLastCharacter)],
    ['without a signature', 401, 'headers_missing', without('wechatpay-signature')],
    ['without a timestamp', 401, 'headers_missing', without('wechatpay-timestamp')],
    ['without a nonce', 401, 'headers_missing', without('wechatpay-nonce')],
    ['without a serial', 401, 'headers_missing', without('wechatpay-serial')],
    ['signed 302 seconds ago', 401, 'stale', aged(302_000)],
    ['signed 302 seconds ahead', 401, 'stale', aged(-302_000)],
    ['that is the probe', 401, 'signtest', header('wechatpay-signature', (s) => `WECHATPAY/SIGNTEST/${s.slice(19)}`)],
    ['that is not JSON', 400, 'malformed', () => signedNotification(h, Buffer.from('<xml/>'))],
    ['that is not UTF-8', 400, 'malformed', () => signedNotification(h, Buffer.from([0x7b, 0xff, 0x7d]))],
    ['that is empty', 400, 'malformed', () => signedNotification(h, Buffer.alloc(0))],
    [
      'without a resource',
      400,
      'malformed',
      () => signedNotification(h, { id: 'EV-1', event_type: 'TRANSACTION.SUCCESS' }),
    ],
    [
      'whose resource is no payment',
      400,
      'malformed',
      () => signedNotification(h, envelope(h, { ...transactionOf(h, { orderId }), amount: { total: '9900' } })),
    ],
    [
      'whose event id no column of ours could hold',
      400,
      'malformed',
      () => signedNotification(h, { ...envelope(h, transactionOf(h, { orderId })), id: '通知' }),
    ],
    [
      'encrypted with another APIv3 key',
      500,
      'decrypt_failed',
      () => signedNotification(h, envelope(h, transactionOf(h, { orderId }), undefined, 'x'.repeat(32))),
    ],
  ];

  test.each(cases)('%s: %i, %s', async (_what, status, reason, spoil) => {
    const labels = { event: 'unverified', result: reason };
    const before = await moneyState(h);
    const inboxBefore = await h.db.query('SELECT * FROM wechatpay_notifications ORDER BY id');
    const countBefore = await metric(h, 'billing_wechatpay_notifications_total', labels);
    const spoilt = spoil(paidNotification(h, { orderId }));
    const linesBefore = h.logs.length;

    const answer = await notify(h, spoilt);

    const [line, ...others] = h.logs.slice(linesBefore).filter((one) => one['reason'] === reason);
    expect(others).toEqual([]);
    // What WeChat Pay signed can be asked after: which event, and what is wrong with it. The rest is nobody's.
    if (status === 401) expect(Object.keys(line ?? {})).not.toEqual(expect.arrayContaining(['notificationId']));
    else expect(line).toMatchObject({ level: status === 500 ? 'error' : 'warn', cause: expect.any(String) as string });
    if (line?.['notificationId'] !== undefined) expect(spoilt.body.toString()).toContain(line['notificationId']);
    expect(JSON.stringify(line)).not.toContain(orderId);
    expect(answer).toEqual({ status, code: 'FAIL' });
    expect(await metric(h, 'billing_wechatpay_notifications_total', labels)).toBe(countBefore + 1);
    expect(await h.db.query('SELECT * FROM wechatpay_notifications ORDER BY id')).toEqual(inboxBefore);
    expect(await moneyState(h)).toEqual(before);
  });

  test('that our APIv3 key does not open opens one alert, which the first that opens resolves', async () => {
    const alerts = () =>
      h.db.query(
        "SELECT severity, occurrences, resolution FROM alerts WHERE kind = 'notification_undecryptable' ORDER BY open_time DESC LIMIT 1",
      );
    const opens = () => notify(h, signedNotification(h, envelope(h, { any: 'thing' }, 'COUPON.USE')));
    expect((await opens()).status).toBe(204);
    const linesBefore = h.logs.length;
    for (let time = 0; time < 3; time += 1) {
      const sealed = envelope(h, transactionOf(h, { orderId }), undefined, 'x'.repeat(32));
      expect((await notify(h, signedNotification(h, sealed))).status).toBe(500);
    }
    expect(await alerts()).toEqual([{ severity: 'critical', occurrences: 3, resolution: '' }]);
    const opened = h.logs.slice(linesBefore).filter(({ msg }) => msg === 'an alert was opened');
    expect(opened).toMatchObject([{ kind: 'notification_undecryptable', details: { fault: 'authentication' } }]);
    const gauge = () => metric(h, 'billing_alerts_open', { kind: 'notification_undecryptable' });
    await until('the gauge says so', async () => (await gauge()) === 1);

    expect((await opens()).status).toBe(204);
    expect(await alerts()).toEqual([{ severity: 'critical', occurrences: 3, resolution: 'opened_again' }]);
    await until('the gauge says so', async () => (await gauge()) === 0);
  });

  test('a body of 1 MB is answered 413 and not looked at', async () => {
    const before = await moneyState(h);
    const labels = { event: 'unverified', result: 'too_large' };
    const countBefore = await metric(h, 'billing_wechatpay_notifications_total', labels);
    const body = Buffer.alloc(1_048_576, ' ');
    expect(await notify(h, { transactionId: '', headers: signedHeaders(h, body), body })).toEqual({
      status: 413,
      code: 'FAIL',
    });
    expect(await metric(h, 'billing_wechatpay_notifications_total', labels)).toBe(countBefore + 1);
    expect(await moneyState(h)).toEqual(before);
  });

  test('a compressed body is refused, so that nothing is ever inflated', async () => {
    const before = await moneyState(h);
    const labels = { event: 'unverified', result: 'unreadable' };
    const countBefore = await metric(h, 'billing_wechatpay_notifications_total', labels);
    const right = paidNotification(h, { orderId });
    const answer = await notify(h, { ...right, headers: { ...right.headers, 'content-encoding': 'gzip' } });
    expect(answer.code).toBe('FAIL');
    expect(answer.status).toBe(400);
    expect(await metric(h, 'billing_wechatpay_notifications_total', labels)).toBe(countBefore + 1);
    expect(await moneyState(h)).toEqual(before);
  });

  test('any other path is 404, and so is another method', async () => {
    const right = paidNotification(h, { orderId });
    expect(await notify(h, right, 'transaction/')).toEqual({ status: 404, code: 'FAIL' });
    expect(await notify(h, right, 'TRANSACTION')).toEqual({ status: 404, code: 'FAIL' });
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await fetch(`${h.edgeUrl}/wechatpay/notify/transaction`, { method });
      expect([method, answer.status]).toEqual([method, 404]);
    }
  });

  test('the same order is paid by a true notification afterwards: nothing above has spoilt it', async () => {
    expect(await notify(h, paidNotification(h, { orderId }, 298_000))).toEqual({ status: 204, code: undefined });
    expect(await h.db.query('SELECT status FROM orders WHERE id = ?', [orderId])).toEqual([{ status: 'paid' }]);
  });
});
