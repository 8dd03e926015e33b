import type { Merchant } from './support/merchant';
import { Stage, payQuietly, untilRefunded } from './support/stage';

const MINUTE_MS = 60_000;

let stage: Stage;
let merchant: Merchant;

beforeAll(async () => {
  stage = new Stage();
  merchant = await stage.merchant();
});
afterAll(() => stage.close());

describe('a refund is accepted once by its number', () => {
  test('the answer says PROCESSING, the query soon SUCCESS; the order says REFUND', async () => {
    const transactionId = await payQuietly(merchant, 'REFUND_0001');
    const created = await merchant.refund('REFUND_0001', 'R_0001', 9900, { reason: '不想要了' });
    expect(created.status).toBe(200);
    expect(merchant.verifiedSerial(created.headers, created.text)).toBe(stage.material.publicKeyId);
    const accepted = {
      refund_id: expect.stringMatching(/^50\d{27}$/),
      out_refund_no: 'R_0001',
      transaction_id: transactionId,
      out_trade_no: 'REFUND_0001',
      channel: 'ORIGINAL',
      user_received_account: '支付用户零钱',
      create_time: '2026-01-31T23:59:59+08:00',
      status: 'PROCESSING',
      funds_account: 'UNSETTLED',
      amount: {
        total: 9900,
        refund: 9900,
        from: [],
        payer_total: 9900,
        payer_refund: 9900,
        settlement_refund: 9900,
        settlement_total: 9900,
        discount_refund: 0,
        currency: 'CNY',
        refund_fee: 59,
      },
    };
    expect(created.json).toEqual(accepted);
    await untilRefunded(merchant, 'R_0001', 'SUCCESS');
    const ended = { status: 'SUCCESS', success_time: '2026-01-31T23:59:59+08:00' };
    const queried = { ...accepted, ...ended, refund_id: created.json['refund_id'] };
    expect((await merchant.queryRefund('R_0001')).json).toEqual(queried);
    expect((await merchant.refund('REFUND_0001', 'R_0001', 9900, { reason: '不想要了' })).json).toEqual(queried);
    expect((await merchant.query('REFUND_0001')).json).toMatchObject({
      trade_state: 'REFUND',
      trade_state_desc: '订单发生过退款，退款详情请查询退款单',
      amount: { total: 9900 },
    });
  });

  test('other parameters under the same number are refused and move nothing', async () => {
    await payQuietly(merchant, 'REFUND_0002');
    await merchant.refund('REFUND_0002', 'R_0002', 100);
    const answer = await merchant.refund('REFUND_0002', 'R_0002', 101);
    expect([answer.status, answer.json['code']]).toEqual([400, 'INVALID_REQUEST']);
    expect((await merchant.control('GET', '/orders/REFUND_0002')).json).toMatchObject({ refunded_amount: 100 });
  });

  test('by the transaction_id as well as by the out_trade_no, but not by both or neither', async () => {
    const transactionId = await payQuietly(merchant, 'REFUND_0003');
    const both = await merchant.refund('REFUND_0003', 'R_0003', 1, { transaction_id: transactionId });
    const neither = await merchant.refund('REFUND_0003', 'R_0003', 1, { out_trade_no: undefined });
    expect([both.json['code'], neither.json['code']]).toEqual(['PARAM_ERROR', 'PARAM_ERROR']);
    const only = { out_trade_no: undefined, transaction_id: transactionId };
    expect((await merchant.refund('REFUND_0003', 'R_0003', 1, only)).status).toBe(200);
  });

  test('an unknown refund, an unknown order and an unpaid one do not exist', async () => {
    await merchant.prepay('REFUND_0004', 'https://merchant.example/notify');
    for (const answer of [
      await merchant.queryRefund('R_NEVER'),
      await merchant.refund('NEVER_MADE', 'R_NEVER', 1),
      await merchant.refund('REFUND_0004', 'R_NEVER', 1),
    ]) {
      expect([answer.status, answer.json['code']]).toEqual([404, 'RESOURCE_NOT_EXISTS']);
    }
  });

  const bounds: [name: string, more: object, field: string][] = [
    ['nothing to refund', { amount: { refund: 0, total: 9900, currency: 'CNY' } }, '/amount/refund'],
    ['no currency', { amount: { refund: 1, total: 9900 } }, '/amount/currency'],
    ['a number with a dot', { out_refund_no: 'R.1' }, '/out_refund_no'],
    ['an unknown account', { funds_account: 'BASIC' }, '/funds_account'],
    ['a notify_url with a query', { notify_url: 'https://a.example/n?x=1' }, '/notify_url'],
    [
      'funding that does not sum up',
      { amount: { refund: 2, total: 9900, currency: 'CNY', from: [{ account: 'AVAILABLE', amount: 1 }] } },
      '/amount/from',
    ],
  ];

  test.each(bounds)('%s is refused', async (_name, more, field) => {
    const answer = await merchant.refund('REFUND_0001', 'R_BOUNDS', 1, more);
    expect([answer.status, answer.json['code']]).toEqual([400, 'PARAM_ERROR']);
    expect(answer.json['detail']).toMatchObject({ field });
  });
});

describe('refunds of one order', () => {
  test('are a minute apart and never sum up to more than was paid', async () => {
    await payQuietly(merchant, 'SUM_0001');
    await merchant.refund('SUM_0001', 'SUM_1', 4000);
    const hasty = await merchant.refund('SUM_0001', 'SUM_2', 4000);
    expect([hasty.status, hasty.json['code']]).toEqual([429, 'FREQUENCY_LIMITED']);
    stage.clock.advance(MINUTE_MS);
    expect((await merchant.refund('SUM_0001', 'SUM_2', 4000)).status).toBe(200);
    stage.clock.advance(MINUTE_MS);
    const tooMuch = await merchant.refund('SUM_0001', 'SUM_3', 1901);
    expect([tooMuch.status, tooMuch.json['code']]).toEqual([400, 'INVALID_REQUEST']);
    expect((await merchant.refund('SUM_0001', 'SUM_3', 1900)).status).toBe(200);
    expect((await merchant.control('GET', '/orders/SUM_0001')).json).toMatchObject({ refunded_amount: 9900 });
  });

  test('are at most fifty', async () => {
    await payQuietly(merchant, 'FIFTY_0001');
    for (let n = 1; n <= 50; n++) {
      stage.clock.advance(MINUTE_MS);
      expect((await merchant.refund('FIFTY_0001', `FIFTY_${n}`, 1)).status).toBe(200);
    }
    stage.clock.advance(MINUTE_MS);
    expect((await merchant.refund('FIFTY_0001', 'FIFTY_51', 1)).json['code']).toBe('INVALID_REQUEST');
  });

  test('come within a year, and with the total that was paid', async () => {
    await payQuietly(merchant, 'YEAR_0001');
    const wrongTotal = { amount: { refund: 1, total: 9901, currency: 'CNY' } };
    expect((await merchant.refund('YEAR_0001', 'YEAR_1', 1, wrongTotal)).json['code']).toBe('INVALID_REQUEST');
    stage.clock.advance(365 * 86_400_000 + 1);
    expect((await merchant.refund('YEAR_0001', 'YEAR_1', 1)).json['code']).toBe('INVALID_REQUEST');
  });

  test('give the discount back in proportion, to the fen', async () => {
    await payQuietly(merchant, 'SHARE_0001', { discount: 1000, discount_type: 'NOCASH' });
    expect((await merchant.query('SHARE_0001')).json).toMatchObject({
      amount: { total: 9900, payer_total: 8900 },
      promotion_detail: [{ type: 'NOCASH', amount: 1000, merchant_contribute: 1000, wechatpay_contribute: 0 }],
    });
    const payerRefunds: number[] = [];
    for (const [n, fen] of [3333, 3333, 3234].entries()) {
      stage.clock.advance(MINUTE_MS);
      const { json } = await merchant.refund('SHARE_0001', `SHARE_${n}`, fen);
      const amount = json['amount'] as Record<string, number>;
      expect((amount['payer_refund'] ?? 0) + (amount['discount_refund'] ?? 0)).toBe(fen);
      expect(amount).toMatchObject({ payer_total: 8900, settlement_total: 8900 });
      expect(amount['settlement_refund']).toBe(amount['payer_refund']);
      payerRefunds.push(amount['payer_refund'] ?? 0);
    }
    expect(payerRefunds).toEqual([2996, 2996, 2908]);
  });

  test('need a balance, once one was set', async () => {
    const own = await stage.merchant();
    await payQuietly(own, 'BALANCE_0001');
    await own.control('POST', '/balance', { amount: 100 });
    const poor = await own.refund('BALANCE_0001', 'BALANCE_1', 9900);
    expect([poor.status, poor.json['code']]).toEqual([403, 'NOT_ENOUGH']);
    expect((await own.queryRefund('BALANCE_1')).status).toBe(404);
    await own.control('POST', '/balance', { amount: 9841 });
    expect((await own.refund('BALANCE_0001', 'BALANCE_1', 9900)).status).toBe(200);
    expect((await own.control('GET', '/books')).json).toMatchObject({
      totals: { paid: 9900, refunded: 9900 },
      balance: 0,
    });
  });
});
