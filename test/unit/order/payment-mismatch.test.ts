import { findMismatch } from '../../../src/order/apply-payment';
import { fen } from '../../../src/platform/money';

/** Design §6: money pays an order only if merchant, app, state, currency and the amount to the fen are right. */
describe('whether a payment fits its order', () => {
  const merchant = { mchid: '1900000109', appid: 'wx0123456789abcdef' };
  const order = { finalAmount: 9900, currency: 'CNY' };
  const transaction = {
    ...merchant,
    outTradeNo: 'ORDER-1',
    transactionId: '4200000000000000000000000001',
    tradeState: 'SUCCESS',
    tradeType: 'NATIVE',
    successTime: new Date('2026-07-01T00:00:00Z'),
    amountTotal: fen(9900),
    payerTotal: fen(9900),
    currency: 'CNY',
    bankType: 'OTHERS',
    providerDiscounts: [],
  };

  test('the right one fits', () => expect(findMismatch(transaction, order, merchant)).toBeUndefined());

  test("what the payer paid after WeChat Pay's own discount is not compared", () => {
    expect(findMismatch({ ...transaction, payerTotal: fen(1) }, order, merchant)).toBeUndefined();
  });

  test.each<[string, Partial<typeof transaction>]>([
    ['mchid_mismatch', { mchid: '1900000108' }],
    ['appid_mismatch', { appid: 'wx0123456789abcdee' }],
    ['not_success', { tradeState: 'REFUND' }],
    ['currency_mismatch', { currency: 'HKD' }],
    ['amount_mismatch', { amountTotal: fen(9899) }],
    ['amount_mismatch', { amountTotal: fen(0) }],
  ])('%s', (reason, change) => expect(findMismatch({ ...transaction, ...change }, order, merchant)).toBe(reason));

  test('a query tells REFUND of money that came, once any of it went back: that is no mismatch', () => {
    expect(findMismatch({ ...transaction, tradeState: 'REFUND' }, order, merchant, 'by query')).toBeUndefined();
    const unpaid = { ...transaction, tradeState: 'NOTPAY' };
    expect(findMismatch(unpaid, order, merchant, 'by query')).toBe('not_success');
  });

  test('unknown_order', () => expect(findMismatch(transaction, undefined, merchant)).toBe('unknown_order'));
});
