import fc from 'fast-check';
import { nativePrepayBody } from '../../../src/payment/wechatpay/native-prepay';
import { fen } from '../../../src/platform/money';

const payee = { appid: 'wxd678efb567ab6787', mchid: '1900007291' };

function bodyOf(change: { description?: string; expireTime?: Date }): Record<string, unknown> {
  const prepay = {
    orderId: 'T1234567',
    description: '月度会员',
    amount: fen(9900),
    expireTime: new Date(0),
    notifyUrl: 'https://pay.example.com/notify',
    ...change,
  };
  return JSON.parse(nativePrepayBody(prepay, payee).toString('utf8')) as Record<string, unknown>;
}

test('the body names every field once, in fen and in CNY', () => {
  expect(bodyOf({ expireTime: new Date('2026-12-31T16:30:59.999Z') })).toEqual({
    appid: 'wxd678efb567ab6787',
    mchid: '1900007291',
    description: '月度会员',
    out_trade_no: 'T1234567',
    time_expire: '2027-01-01T00:30:59+08:00',
    notify_url: 'https://pay.example.com/notify',
    amount: { total: 9900, currency: 'CNY' },
  });
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
