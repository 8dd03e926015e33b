import { inspect } from 'node:util';
import { openNotification, verifyNotification } from '../../../src/payment/wechatpay/inbox/notification-verifier';
import { createKeyRing } from '../../../src/payment/wechatpay/keys';
import { NotificationRefused } from '../../../src/payment/wechatpay/wechatpay.errors';
import {
  APIV3_KEY,
  encryptedResource,
  makeKeyPair,
  notificationBody,
  PUBLIC_KEY_ID,
  signedHeaders,
} from './wechat-signer';

const NOW = new Date('2026-07-01T04:00:05Z');
const wechat = makeKeyPair();
const policy = {
  keys: createKeyRing([{ serial: PUBLIC_KEY_ID, pem: wechat.publicPem }]),
  now: NOW,
  ageMaxSeconds: 300,
};
const TRANSACTION = {
  appid: 'wxd678efb567ab6787',
  mchid: '1234567891',
  out_trade_no: 'T20260701120000001',
  transaction_id: '4200002600202607018888888888',
  trade_type: 'NATIVE',
  trade_state: 'SUCCESS',
  trade_state_desc: '支付成功',
  bank_type: 'OTHERS',
  success_time: '2026-07-01T12:00:05+08:00',
  payer: { openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' },
  amount: { total: 9900, payer_total: 9800, currency: 'CNY', payer_currency: 'CNY' },
};
const body = notificationBody(encryptedResource(JSON.stringify(TRANSACTION)));

/** The refusal of a notification, or null where it was believed. */
async function refusal(headers: Record<string, string | undefined>, rawBody: string | Buffer, now = NOW) {
  try {
    openNotification(await verifyNotification(headers, Buffer.from(rawBody), { ...policy, now }), APIV3_KEY);
    return null;
  } catch (error) {
    const { reason, httpStatus } = error as { reason: string; httpStatus: number };
    return `${reason} ${httpStatus}`;
  }
}

/** The refusal that a function throws. */
async function errorOf(run: () => Promise<unknown>): Promise<NotificationRefused> {
  try {
    await run();
  } catch (error) {
    if (error instanceof NotificationRefused) return error;
  }
  throw new Error('it was not refused');
}

test('a true notification is believed and gives exactly what WeChat signed', async () => {
  const envelope = await verifyNotification(signedHeaders(wechat.privateKey, body, NOW), Buffer.from(body), policy);
  expect(envelope).toMatchObject({ eventId: 'EV-2018022511223320873', eventType: 'TRANSACTION.SUCCESS' });
  expect(openNotification(envelope, APIV3_KEY).told).toEqual({
    kind: 'payment',
    transaction: {
      appid: 'wxd678efb567ab6787',
      mchid: '1234567891',
      outTradeNo: 'T20260701120000001',
      transactionId: '4200002600202607018888888888',
      tradeState: 'SUCCESS',
      tradeType: 'NATIVE',
      bankType: 'OTHERS',
      successTime: NOW,
      amountTotal: 9900,
      payerTotal: 9800,
      currency: 'CNY',
      providerDiscounts: [],
    },
  });
});

test('an absent Signature-Type means RSA; unknown keys and missing additional data are no fault', async () => {
  const { 'wechatpay-signature-type': _, ...headers } = signedHeaders(wechat.privateKey, body, NOW);
  expect(await refusal(headers, body)).toBeNull();
  const { associated_data, ...bare } = encryptedResource(JSON.stringify({ ...TRANSACTION, extra: 1 }), undefined, '');
  const other = notificationBody({ ...bare, extra: associated_data });
  expect(await refusal(signedHeaders(wechat.privateKey, other, NOW), other)).toBeNull();
});

test.each([
  ['no timestamp', { 'wechatpay-timestamp': undefined }, 'headers_missing 401'],
  ['no nonce', { 'wechatpay-nonce': undefined }, 'headers_missing 401'],
  ['no serial', { 'wechatpay-serial': undefined }, 'headers_missing 401'],
  ['no signature', { 'wechatpay-signature': undefined }, 'headers_missing 401'],
  ['a timestamp in hex', { 'wechatpay-timestamp': '0x6a448105' }, 'headers_missing 401'],
  ['a timestamp with a sign', { 'wechatpay-timestamp': '+1782878405' }, 'headers_missing 401'],
  ['a timestamp with a fraction', { 'wechatpay-timestamp': '1782878405.0' }, 'headers_missing 401'],
  ['a timestamp one second on', { 'wechatpay-timestamp': '1782878406' }, 'signature_invalid 401'],
  ['another nonce', { 'wechatpay-nonce': 'other' }, 'signature_invalid 401'],
  ['another scheme', { 'wechatpay-signature-type': 'WECHATPAY2-SM2-WITH-SM3' }, 'signature_invalid 401'],
  ['an unknown serial', { 'wechatpay-serial': 'PUB_KEY_ID_1' }, 'unknown_serial 401'],
  ['a serial named like a prototype key', { 'wechatpay-serial': '__proto__' }, 'unknown_serial 401'],
  ['a signature that is no base64', { 'wechatpay-signature': 'not base64' }, 'signature_invalid 401'],
  ['a signature probe', { 'wechatpay-signature': 'WECHATPAY/SIGNTEST/Zm9v' }, 'signtest 401'],
])('%s is refused', async (_, change, expected) => {
  expect(await refusal({ ...signedHeaders(wechat.privateKey, body, NOW), ...change }, body)).toBe(expected);
});

test('another key, or one changed byte of the body, is refused before anything is parsed', async () => {
  const stranger = makeKeyPair();
  expect(await refusal(signedHeaders(stranger.privateKey, body, NOW), body)).toBe('signature_invalid 401');
  const headers = signedHeaders(wechat.privateKey, body, NOW);
  expect(await refusal(headers, `${body} `)).toBe('signature_invalid 401');
  expect(await refusal(headers, body.replace('9900', '9901').replace('支付', '支村'))).toBe('signature_invalid 401');
  expect(await refusal(headers, '')).toBe('signature_invalid 401');
});

test('the age is bounded to both sides, at exactly 300 seconds', async () => {
  const headers = signedHeaders(wechat.privateKey, body, NOW);
  expect(await refusal(headers, body, new Date(NOW.getTime() + 300_000))).toBeNull();
  expect(await refusal(headers, body, new Date(NOW.getTime() - 300_000))).toBeNull();
  expect(await refusal(headers, body, new Date(NOW.getTime() + 300_001))).toBe('stale 401');
  expect(await refusal(headers, body, new Date(NOW.getTime() - 300_001))).toBe('stale 401');
});

test.each([
  ['not JSON', 'PAID'],
  ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ['JSON of another shape', '{"id":"EV-1"}'],
  ['null', 'null'],
  ['an empty body', ''],
  ['a nonce beyond its limit', notificationBody({ ...encryptedResource('{}'), nonce: 'n'.repeat(17) })],
])('a signed notification that is %s is malformed', async (_, rawBody) => {
  expect(await refusal(signedHeaders(wechat.privateKey, rawBody, NOW), rawBody)).toBe('malformed 400');
});

test('a signed notification that our APIv3 key does not open is told apart from a forged one', async () => {
  const altered = notificationBody({ ...encryptedResource(JSON.stringify(TRANSACTION)), nonce: 'fdasflkja485' });
  expect(await refusal(signedHeaders(wechat.privateKey, altered, NOW), altered)).toBe('decrypt_failed 500');
});

test.each([
  ['a fraction of a fen', { amount: { ...TRANSACTION.amount, total: 99.5 } }],
  ['a negative amount', { amount: { ...TRANSACTION.amount, total: -1 } }],
  ['an amount in text', { amount: { ...TRANSACTION.amount, total: '9900' } }],
  ['an amount beyond exact integers', { amount: { ...TRANSACTION.amount, total: 2 ** 53 } }],
  ['no amount', { amount: undefined }],
  ['no currency', { amount: { total: 9900 } }],
  ['no transaction_id', { transaction_id: undefined }],
  ['an order number with a line break', { out_trade_no: 'T1\nT2' }],
  ['no success_time', { success_time: undefined }],
  ['a success_time without offset', { success_time: '2026-07-01T12:00:05' }],
  ['a success_time on the 30th of February', { success_time: '2026-02-30T12:00:05+08:00' }],
  ['a success_time before WeChat Pay', { success_time: '2010-01-01T07:59:59+08:00' }],
  ['a success_time after this century', { success_time: '2100-01-01T00:00:00Z' }],
  ['a success_time in the year 0', { success_time: '0000-01-01T00:00:00Z' }],
])('a payment with %s is malformed, never guessed at', async (_, change) => {
  const rawBody = notificationBody(encryptedResource(JSON.stringify({ ...TRANSACTION, ...change })));
  expect(await refusal(signedHeaders(wechat.privateKey, rawBody, NOW), rawBody)).toBe('malformed 400');
});

test.each([
  ['absent', { trade_type: undefined, amount: { total: 9900, currency: 'CNY' } }],
  ['null', { trade_type: null, amount: { total: 9900, payer_total: null, currency: 'CNY' } }],
])('what is only recorded may be %s: the money has arrived all the same', async (_, change) => {
  const rawBody = notificationBody(encryptedResource(JSON.stringify({ ...TRANSACTION, ...change })));
  const envelope = await verifyNotification(
    signedHeaders(wechat.privateKey, rawBody, NOW),
    Buffer.from(rawBody),
    policy,
  );
  const transaction = { amountTotal: 9900, payerTotal: null, tradeType: null };
  expect(openNotification(envelope, APIV3_KEY).told).toMatchObject({ kind: 'payment', transaction });
});

test.each(['2010-01-01T00:00:00Z', '2099-12-31T23:59:59.999Z'])(
  'a success_time of %s is believed',
  async (success_time) => {
    const rawBody = notificationBody(encryptedResource(JSON.stringify({ ...TRANSACTION, success_time })));
    expect(await refusal(signedHeaders(wechat.privateKey, rawBody, NOW), rawBody)).toBeNull();
  },
);

describe('a signed notification that is refused says where it fails and which it is, and nothing of its content', () => {
  const EVENT = 'EV-2018022511223320873';
  const CANARY = 'CANARY-8731';
  const notJson = notificationBody(encryptedResource(`{"transaction_id":${CANARY}}`));
  const wrongFields = { ...TRANSACTION, trade_state: ` ${CANARY}`, amount: { total: CANARY, currency: 'CNY' } };
  const wrong = notificationBody(encryptedResource(JSON.stringify(wrongFields)));
  const unopened = notificationBody({ ...encryptedResource(CANARY), nonce: 'fdasflkja485' });

  test.each([
    ['not JSON', `<xml>${CANARY}</xml>`, undefined, 'not JSON in UTF-8'],
    [
      'of another shape',
      `{"id":"${EVENT}","event_type":"${CANARY} "}`,
      EVENT,
      'event_type: invalid_format, resource: ',
    ],
    ['without a legal id', `{"id":"${CANARY} ","resource":{}}`, undefined, 'id: invalid_format, event_type: '],
    ['whose resource is not JSON', notJson, EVENT, 'not JSON in UTF-8'],
    ['whose resource is wrong', wrong, EVENT, 'trade_state: invalid_format, amount.total: invalid_type'],
    ['that our key does not open', unopened, EVENT, 'authentication'],
  ])('%s', async (_, rawBody, eventId, fault) => {
    const headers = signedHeaders(wechat.privateKey, rawBody, NOW);
    const refused = async (): Promise<unknown> =>
      openNotification(await verifyNotification(headers, Buffer.from(rawBody), policy), APIV3_KEY);
    const signed = { eventId, fault: expect.stringContaining(fault) as string };
    const error = await errorOf(refused);
    expect(error.signed).toEqual(signed);
    expect(inspect(error, { depth: null })).not.toContain(CANARY);
  });

  test('what was not signed is not looked at: it has no id', async () => {
    const headers = { ...signedHeaders(wechat.privateKey, body, NOW), 'wechatpay-nonce': 'other' };
    const error = await errorOf(() => verifyNotification(headers, Buffer.from(body), policy));
    expect(error.signed).toBeUndefined();
  });
});

describe('a refund', () => {
  const REFUND = {
    mchid: '1234567891',
    out_trade_no: 'T20260701120000001',
    transaction_id: '4200002600202607018888888888',
    refund_id: '50200207182018070300011301001',
    out_refund_no: 'R20260701120000001',
    refund_status: 'SUCCESS',
    success_time: '2026-07-01T12:00:05+08:00',
    user_received_account: '招商银行信用卡0403',
    amount: { total: 9900, refund: 6000, payer_total: 9800, payer_refund: 5900 },
  };
  const open = async (resource: object, event = 'REFUND.SUCCESS') => {
    const rawBody = notificationBody(encryptedResource(JSON.stringify(resource)), event);
    const headers = signedHeaders(wechat.privateKey, rawBody, NOW);
    return openNotification(await verifyNotification(headers, Buffer.from(rawBody), policy), APIV3_KEY).told;
  };

  test('is believed and gives exactly what WeChat signed, without where the money went', async () => {
    const refund = {
      ...{ mchid: '1234567891', outTradeNo: 'T20260701120000001', transactionId: '4200002600202607018888888888' },
      ...{ refundId: '50200207182018070300011301001', outRefundNo: 'R20260701120000001', status: 'SUCCESS' },
      ...{ successTime: NOW, amount: 6000, total: 9900 },
    };
    expect(await open(REFUND)).toEqual({ kind: 'refund', refund });
  });

  test.each(['CLOSED', 'ABNORMAL'])('that is %s has no success_time', async (refund_status) => {
    const told = await open({ ...REFUND, refund_status, success_time: undefined }, `REFUND.${refund_status}`);
    expect(told).toMatchObject({ kind: 'refund', refund: { status: refund_status, successTime: null } });
  });

  test.each([
    ...[undefined, null, 5020, '', 'x'.repeat(65), 'two words'].map((refund_id) => ({ refund_id })),
    ...[
      { mchid: undefined },
      { out_refund_no: undefined },
      { transaction_id: undefined },
      { amount: { refund: 6000 } },
    ],
    ...[{ refund_status: 'CLOSED' }, { refund_status: 'PROCESSING' }, { refund_status: undefined }],
  ])('with %j is malformed, never guessed at', async (change) => {
    const error = await errorOf(() => open({ ...REFUND, ...change }));
    expect(error).toMatchObject({ reason: 'malformed', httpStatus: 400 });
  });

  test('of an event that the documentation does not name is stored and not applied', async () => {
    expect(await open(REFUND, 'REFUND.PROCESSING')).toEqual({ kind: 'ignored' });
  });
});

test('an event of an unknown type is believed all the same, so that it can be stored', async () => {
  const rawBody = notificationBody(encryptedResource('{}'), 'COUPON.USE');
  const envelope = await verifyNotification(
    signedHeaders(wechat.privateKey, rawBody, NOW),
    Buffer.from(rawBody),
    policy,
  );
  expect(envelope.eventType).toBe('COUPON.USE');
});
