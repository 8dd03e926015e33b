import {
  isAnswerTo,
  queryRefundPath,
  refundAnswerShape,
  refundBody,
  refundNotificationShape,
} from '../../../src/payment/wechatpay/refund';
import { fen } from '../../../src/platform/money';

const request = {
  outRefundNo: 'R20260701130000002',
  transactionId: '4200002600202607018888888888',
  reason: '不想要了',
  notifyUrl: 'https://pay.example.com/wechatpay/notify/refund',
  amount: fen(6000),
  total: fen(9900),
};
const told = {
  refund_id: '50000000382019052709732678860',
  out_refund_no: 'R20260701130000002',
  transaction_id: '4200002600202607018888888888',
  out_trade_no: 'T20260701120000001',
  user_received_account: '招商银行信用卡0403',
  amount: { total: 9900, refund: 6000, payer_total: 9900, payer_refund: 6000 },
};
const refund = {
  outTradeNo: 'T20260701120000001',
  transactionId: '4200002600202607018888888888',
  refundId: '50000000382019052709732678860',
  outRefundNo: 'R20260701130000002',
  successTime: null,
  amount: 6000,
  total: 9900,
};

const parse = (change: Partial<typeof request>) =>
  JSON.parse(refundBody({ ...request, ...change }).toString()) as Record<string, unknown>;

test('a refund names the payment by one id only, in fen and in CNY', () => {
  expect(parse({})).toEqual({
    transaction_id: '4200002600202607018888888888',
    out_refund_no: 'R20260701130000002',
    reason: '不想要了',
    notify_url: 'https://pay.example.com/wechatpay/notify/refund',
    amount: { refund: 6000, total: 9900, currency: 'CNY' },
  });
});

test('a reason is cut to 80 bytes between characters, and left out when nothing of it is left', () => {
  expect(parse({ reason: '退'.repeat(30) })['reason']).toBe('退'.repeat(26));
  expect('reason' in parse({ reason: '🎉\n' })).toBe(false);
});

test('a number with characters of its own stands percent-encoded in the path', () => {
  expect(queryRefundPath('R1|2@3*4')).toBe('/v3/refund/domestic/refunds/R1%7C2%403*4');
});

test.each(['PROCESSING', 'SUCCESS', 'CLOSED', 'ABNORMAL'])(
  'an answer and a notification of %s tell the same',
  (state) => {
    expect(refundAnswerShape.parse({ ...told, status: state })).toEqual({ ...refund, status: state });
    const notified = { ...told, mchid: '1900007291', refund_status: state };
    expect(refundNotificationShape.parse(notified)).toEqual({ ...refund, status: state, mchid: '1900007291' });
  },
);

test('success_time is told where it is told', () => {
  const done = { ...told, status: 'SUCCESS', success_time: '2026-07-01T13:00:05+08:00' };
  expect(refundAnswerShape.parse(done).successTime).toEqual(new Date('2026-07-01T05:00:05Z'));
});

test.each([
  ['an unknown state', { status: 'DONE' }],
  ['the field name of notifications', { status: undefined, refund_status: 'SUCCESS' }],
  ['no amount', { status: 'SUCCESS', amount: {} }],
  ['no refund_id', { status: 'SUCCESS', refund_id: undefined }],
])('an answer with %s is none', (_, change) => {
  expect(refundAnswerShape.safeParse({ ...told, ...change }).success).toBe(false);
});

test('an answer about another refund, payment or amount is not the answer to ours', () => {
  const answer = refundAnswerShape.parse({ ...told, status: 'PROCESSING' });
  expect(isAnswerTo(request, answer)).toBe(true);
  for (const change of [{ outRefundNo: 'R2' }, { transactionId: '42' }, { amount: fen(1) }, { total: fen(1) }]) {
    expect(isAnswerTo({ ...request, ...change }, answer)).toBe(false);
  }
});
