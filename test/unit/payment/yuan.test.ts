import fc from 'fast-check';
import { parseFen, parseMicroYuan } from '../../../src/payment/wechatpay/bill/yuan';

/** Written by moving digits, as a person would: shares nothing with the code. */
function writeYuan(digits: bigint, decimals: number): string {
  const text = digits.toString().padStart(decimals + 1, '0');
  return `${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
}

test('every amount of fen survives being written in yuan, to the last fen', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 999_999_999_999n }), (amount) => {
      expect(parseFen(writeYuan(amount, 2))).toBe(Number(amount));
      expect(parseFen(`${writeYuan(amount, 2)}000`)).toBe(Number(amount));
    }),
  );
});

test('every fee survives with five decimals and a sign', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 99_999_999_999_999n }), fc.boolean(), (fee, isNegative) => {
      const sign = isNegative ? '-' : '';
      const expected = Number(fee * 10n) * (isNegative && fee > 0n ? -1 : 1);
      expect(parseMicroYuan(`${sign}${writeYuan(fee, 5)}`)).toBe(expected);
    }),
  );
});

test.each([
  ['0', 0],
  ['0.1', 10],
  ['12', 1200],
  ['0.29', 29],
  ['1.15', 115],
  ['9999999999.99', 999_999_999_999],
])('%s yuan are %i fen', (text, amount) => expect(parseFen(text)).toBe(amount));

test.each([
  '',
  '.5',
  '1.',
  '-0.01',
  '+1',
  '1e3',
  '1,000.00',
  ' 1.00',
  '0.001',
  '0.015',
  '￥1',
  '12345678901',
  'NaN',
  '1.00\n',
])('%j is no amount of fen', (text) => expect(parseFen(text)).toBeUndefined());

test('a fee of nothing has no sign, and a part of a micro-yuan is refused', () => {
  expect(Object.is(parseMicroYuan('-0.00000'), 0)).toBe(true);
  expect(parseMicroYuan('-0.01000')).toBe(-10_000);
  expect(parseMicroYuan('0.0000001')).toBeUndefined();
  expect(parseMicroYuan('9999999999.99')).toBeUndefined();
});
