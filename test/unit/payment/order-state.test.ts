import {
  closeOrderBody,
  closeOrderPath,
  queriedOrderShape,
  queryOrderPath,
} from '../../../src/payment/wechatpay/order-state';

const payee = { appid: 'wxd678efb567ab6787', mchid: '1900007291' };
const byOrder = { orderId: 'T20260701120000001' };
const byPayment = { transactionId: '4200002600202607018888888888' };
const unpaid = { ...payee, out_trade_no: 'T20260701120000001', trade_state: 'NOTPAY', trade_state_desc: '订单未支付' };
const paid = {
  ...unpaid,
  trade_state: 'SUCCESS',
  transaction_id: '4200002600202607018888888888',
  trade_type: 'JSAPI',
  bank_type: 'OTHERS',
  success_time: '2026-07-01T12:00:05+08:00',
  payer: { openid: 'oU1' },
  amount: { total: 9900, payer_total: 9900, currency: 'CNY', payer_currency: 'CNY' },
};
const read = (told: unknown, by: Parameters<typeof queriedOrderShape>[0] = byOrder) =>
  queriedOrderShape(by, payee).safeParse(told).data;

test('the merchant is named in every question, and in the body of a close', () => {
  expect(queryOrderPath(byOrder, payee)).toBe('/v3/pay/transactions/out-trade-no/T20260701120000001?mchid=1900007291');
  expect(queryOrderPath(byPayment, payee)).toBe(
    '/v3/pay/transactions/id/4200002600202607018888888888?mchid=1900007291',
  );
  expect(closeOrderPath('T-1_a')).toBe('/v3/pay/transactions/out-trade-no/T-1_a/close');
  expect(closeOrderBody(payee).toString()).toBe('{"mchid":"1900007291"}');
});

test.each(['NOTPAY', 'CLOSED', 'PAYERROR', 'REVOKED', 'USERPAYING', 'NEWSTATE'])(
  '%s: an order without money needs none of the fields of a payment',
  (state) => {
    const order = { orderId: 'T20260701120000001', tradeState: state, transaction: undefined };
    expect(read({ ...unpaid, trade_state: state })).toEqual(order);
  },
);

test.each(['SUCCESS', 'REFUND'])('%s: money has arrived, and the payment is told', (tradeState) => {
  for (const by of [byOrder, byPayment]) {
    const order = read({ ...paid, trade_state: tradeState }, by);
    expect(order).toMatchObject({ orderId: 'T20260701120000001', tradeState });
    expect(order?.transaction).toMatchObject({ tradeState, amountTotal: 9900, bankType: 'OTHERS', ...payee });
    expect(order?.transaction?.transactionId).toBe('4200002600202607018888888888');
  }
});

test.each([
  ['another order', { out_trade_no: 'T2' }],
  ['another merchant', { mchid: '1900000001' }],
  ['another app', { appid: 'wx0000000000000000' }],
])('an answer about %s is none, paid or not', (_, change) => {
  expect(read({ ...unpaid, ...change })).toBeUndefined();
  expect(read({ ...paid, ...change })).toBeUndefined();
});

test.each([
  ['without its payment', { transaction_id: undefined }],
  ['without its time', { success_time: undefined }],
  ['without its amount', { amount: undefined }],
])('a paid order %s is no answer', (_, change) => {
  expect(read({ ...paid, ...change })).toBeUndefined();
});

test("a question by WeChat's id is answered by that payment and no other", () => {
  expect(read({ ...paid, transaction_id: '4200000000000000000000000000' }, byPayment)).toBeUndefined();
  expect(read(unpaid, byPayment)).toBeUndefined();
});
