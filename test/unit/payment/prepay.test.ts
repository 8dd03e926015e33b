import fc from 'fast-check';
import { paymentParametersShape, prepayBody, prepayPath, type Prepay } from '../../../src/payment/wechatpay/prepay';
import { fen } from '../../../src/platform/money';
import { makeKeyPair } from './wechat-signer';

const payee = { appid: 'wxd678efb567ab6787', mchid: '1900007291' };
const order = {
  orderId: 'T1234567',
  description: '月度会员',
  amount: fen(9900),
  expireTime: new Date('2026-12-31T16:30:59.999Z'),
  notifyUrl: 'https://pay.example.com/notify',
};
const common = {
  appid: 'wxd678efb567ab6787',
  mchid: '1900007291',
  description: '月度会员',
  out_trade_no: 'T1234567',
  time_expire: '2027-01-01T00:30:59+08:00',
  notify_url: 'https://pay.example.com/notify',
  amount: { total: 9900, currency: 'CNY' },
};

function parse(prepay: Prepay): Record<string, unknown> {
  return JSON.parse(prepayBody(prepay, payee).toString('utf8')) as Record<string, unknown>;
}
const bodyOf = (change: Partial<typeof order>) => parse({ ...order, ...change, channel: 'native' });

test.each<[Prepay, string, Record<string, unknown>]>([
  [{ ...order, channel: 'native' }, '/v3/pay/transactions/native', {}],
  [{ ...order, channel: 'app' }, '/v3/pay/transactions/app', {}],
  [{ ...order, channel: 'jsapi', openid: 'oU1' }, '/v3/pay/transactions/jsapi', { payer: { openid: 'oU1' } }],
  [
    { ...order, channel: 'h5', clientIp: '203.0.113.7' },
    '/v3/pay/transactions/h5',
    { scene_info: { payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } } },
  ],
])(
  '$channel: the body names every field once, in fen and in CNY, and nothing that the channel does not know',
  (...row) => {
    const [prepay, path, more] = row;
    expect(prepayPath(prepay.channel)).toBe(path);
    expect(parse(prepay)).toEqual({ ...common, ...more });
    expect(prepayBody(prepay, payee).equals(prepayBody({ ...prepay }, payee))).toBe(true);
  },
);

test.each([
  ['native', {}],
  ['native', { code_url: '' }],
  ['jsapi', { code_url: 'weixin://x' }],
  ['app', { prepay_id: 'a\nb' }],
  ['h5', { h5_url: 'weixin://x' }],
] as const)('an answer to %s without what the payer needs is none: %j', (channel, told) => {
  const payer = { ...payee, merchantKey: makeKeyPair().privateKey, stamp: { timestamp: '1', nonce: 'n' } };
  expect(paymentParametersShape(channel, payer).safeParse(told).success).toBe(false);
});

test('time_expire is the same instant, to the second, with the offset of China', () => {
  const instants = fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(instants, (expireTime) => {
      const text = String(bodyOf({ expireTime })['time_expire']);
      expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/);
      expect(new Date(text).getTime()).toBe(Math.floor(expireTime.getTime() / 1_000) * 1_000);
    }),
  );
});

test('a description is at most 127 bytes, cut between characters, and has no four-byte or control character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (description) => {
      const fitted = String(bodyOf({ description })['description']);
      const acceptable = [...description].filter((c) => c.length === 1 && !/[\p{Cc}\p{Cs}]/u.test(c)).join('');
      expect(acceptable.startsWith(fitted)).toBe(true);
      const bytes = Buffer.byteLength(fitted);
      expect(bytes).toBeLessThanOrEqual(127);
      const next = acceptable[fitted.length];
      if (next !== undefined) expect(bytes + Buffer.byteLength(next)).toBeGreaterThan(127);
    }),
  );
});

test('43 Chinese characters are cut to 42; emoji go, the rest stays', () => {
  expect(bodyOf({ description: '衣'.repeat(43) })['description']).toBe('衣'.repeat(42));
  expect(bodyOf({ description: '会员🎉 A\u0000\ud800B' })['description']).toBe('会员 AB');
});
