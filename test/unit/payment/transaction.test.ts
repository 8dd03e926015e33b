import fc from 'fast-check';
import {
  parseTransactionContent,
  transactionContent,
  transactionShape,
  type WechatpayTransaction,
} from '../../../src/payment/wechatpay/transaction';

const told = {
  appid: 'wxd678efb567ab6787',
  mchid: '1900007291',
  out_trade_no: 'T20260701120000001',
  transaction_id: '4200002600202607018888888888',
  trade_state: 'SUCCESS',
  trade_type: 'NATIVE',
  bank_type: 'CMC_DEBIT',
  success_time: '2026-07-01T12:00:05+08:00',
  payer: { openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' },
  amount: { total: 9900, payer_total: 9400, currency: 'CNY', payer_currency: 'CNY' },
};
const discount = {
  coupon_id: '109519',
  name: '单品惠-6',
  scope: 'SINGLE',
  type: 'CASH',
  amount: 500,
  stock_id: '931386',
  wechatpay_contribute: 0,
  merchant_contribute: 500,
  other_contribute: 0,
  currency: 'CNY',
  goods_detail: [{ goods_id: 'M1006', quantity: 1, unit_price: 100, discount_amount: 0 }],
};

const read = (change: Record<string, unknown>): WechatpayTransaction => transactionShape.parse({ ...told, ...change });

test('a payment is read with its bank and discounts, and without its payer', () => {
  const transaction = read({ promotion_detail: [discount] });
  expect(transaction).toEqual({
    appid: 'wxd678efb567ab6787',
    mchid: '1900007291',
    outTradeNo: 'T20260701120000001',
    transactionId: '4200002600202607018888888888',
    tradeState: 'SUCCESS',
    tradeType: 'NATIVE',
    bankType: 'CMC_DEBIT',
    successTime: new Date('2026-07-01T04:00:05Z'),
    amountTotal: 9900,
    payerTotal: 9400,
    currency: 'CNY',
    providerDiscounts: [
      {
        couponId: '109519',
        name: '单品惠-6',
        scope: 'SINGLE',
        type: 'CASH',
        amount: 500,
        wechatpayContribute: 0,
        merchantContribute: 500,
        otherContribute: 0,
      },
    ],
  });
});

test('money is never refused over what is told of discounts or banks: what can not be read is dropped', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (promotions, bank) => {
      const transaction = read({ promotion_detail: promotions, bank_type: bank });
      expect(transaction.amountTotal).toBe(9900);
      expect(Array.isArray(transaction.providerDiscounts)).toBe(true);
    }),
  );
  const odd = [null, 7, {}, { ...discount, amount: '500' }, { ...discount, coupon_id: 'x y' }, discount];
  expect(read({ promotion_detail: odd }).providerDiscounts).toHaveLength(1);
  const thin = { coupon_id: '1', amount: 1, name: '', scope: 9, merchant_contribute: -1 };
  expect(read({ promotion_detail: [thin] }).providerDiscounts).toEqual([
    {
      ...{ couponId: '1', amount: 1, name: null, scope: null, type: null },
      ...{ wechatpayContribute: null, merchantContribute: null, otherContribute: null },
    },
  ]);
});

test('of thousands of discounts fifty are kept', () => {
  expect(read({ promotion_detail: Array(5_000).fill(discount) }).providerDiscounts).toHaveLength(50);
});

test.each([
  ['success_time', '2026-02-30T12:00:00+08:00'],
  ['success_time', '2026-07-01 12:00:05'],
  ['transaction_id', ''],
  ['amount', { total: -1, currency: 'CNY' }],
  ['amount', { total: 99.5, currency: 'CNY' }],
  ['amount', { total: '9900', currency: 'CNY' }],
])('a payment whose %s is %j is none', (field, value) => {
  expect(transactionShape.safeParse({ ...told, [field]: value }).success).toBe(false);
});

test('the stored form gives the same transaction back', () => {
  const transaction = read({ promotion_detail: [discount] });
  expect(parseTransactionContent(JSON.stringify(transactionContent(transaction)))).toEqual(transaction);
});

test('what earlier versions stored is still read: no bank, no discounts', () => {
  const transaction = read({});
  const { bankType: _bank, providerDiscounts: _discounts, ...older } = transactionContent(transaction);
  expect(parseTransactionContent(JSON.stringify(older))).toEqual({
    ...transaction,
    bankType: null,
    providerDiscounts: [],
  });
  expect(parseTransactionContent('{}')).toBeUndefined();
});
