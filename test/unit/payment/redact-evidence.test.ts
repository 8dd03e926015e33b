import fc from 'fast-check';
import { redactEvidence } from '../../../src/payment/wechatpay/inbox/redact-evidence';
import { readTold } from '../../../src/payment/wechatpay/inbox/notification-verifier';

const NOW = new Date('2026-03-01T00:00:00Z');
const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
const ACCOUNT = '招商银行信用卡0403';

const headers = {
  'wechatpay-serial': 'PUB_KEY_ID_1',
  'wechatpay-signature': 'c2lnbmVk',
  'wechatpay-timestamp': '1772323200',
  'x-forwarded-for': '203.0.113.9',
  host: 'pay.example.com',
};

const payment = {
  appid: 'wx0123456789abcdef',
  mchid: '1900000001',
  out_trade_no: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  transaction_id: '4200001234202603011234567890',
  trade_type: 'JSAPI',
  trade_state: 'SUCCESS',
  trade_state_desc: `支付成功 ${OPENID}`,
  bank_type: 'CMB_DEBIT',
  attach: OPENID,
  success_time: '2026-03-01T08:00:00+08:00',
  payer: { openid: OPENID },
  amount: { total: 9_900, payer_total: 9_800, currency: 'CNY', payer_currency: 'CNY', note: OPENID },
  scene_info: { device_id: OPENID },
  promotion_detail: [
    {
      coupon_id: 'c-1',
      name: '立减',
      scope: 'GLOBAL',
      type: 'CASH',
      amount: 100,
      goods_detail: [{ goods_id: OPENID }],
    },
  ],
};

const refund = {
  mchid: '1900000001',
  out_trade_no: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  transaction_id: '4200001234202603011234567890',
  out_refund_no: '01ARZ3NDEKTSV4RRFFQ69G5FAW',
  refund_id: '50000000382019052709732678859',
  refund_status: 'SUCCESS',
  success_time: '2026-03-02T08:00:00+08:00',
  user_received_account: ACCOUNT,
  amount: { total: 9_900, refund: 9_900, payer_total: 9_900, payer_refund: 9_900 },
};

/** R11.2: what WeChat Pay told proves the money after an erasure as before, and names nobody. */
describe('evidence of which the payer was erased', () => {
  test.each([
    ['TRANSACTION.SUCCESS', payment],
    ['REFUND.SUCCESS', refund],
  ] as const)('of %s tells the same of the money, and nothing of the person', (event, told) => {
    const resource = JSON.stringify(told);
    const redacted = redactEvidence({ headers, resource }, NOW);
    const read = (text: string) => readTold(event, Buffer.from(text), 'n');
    expect(read(redacted?.resource ?? '')).toEqual(read(resource));
    expect(JSON.stringify(redacted)).not.toMatch(new RegExp(`${OPENID}|${ACCOUNT}|203\\.0\\.113`));
    expect(redacted?.headers).toEqual({
      'wechatpay-serial': 'PUB_KEY_ID_1',
      'wechatpay-signature': 'c2lnbmVk',
      'wechatpay-timestamp': '1772323200',
    });
    expect(redacted?.erased).toBe('2026-03-01T00:00:00.000Z');
  });

  test('is not touched again', () => {
    const redacted = redactEvidence({ headers, resource: JSON.stringify(payment) }, NOW);
    expect(redacted && redactEvidence(redacted, NOW)).toBeUndefined();
  });

  test('keeps nothing of a field that WeChat Pay adds one day, at whatever depth, nor of what is no JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 12 }), fc.constant('somebody')), (added) => {
        const told = { ...payment, ...added, amount: { ...payment.amount, ...added }, payer: added, extra: added };
        const redacted = redactEvidence({ headers: {}, resource: JSON.stringify(told) }, NOW);
        expect(redacted?.resource).not.toContain('somebody');
      }),
    );
    for (const resource of ['somebody', '"somebody"', '["somebody"]', 'null', '']) {
      expect(redactEvidence({ headers: {}, resource }, NOW)?.resource).toBe('{}');
    }
  });
});
