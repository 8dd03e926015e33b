import type { Merchant } from './support/merchant';
import { Stage } from './support/stage';

const NOTIFY_URL = 'https://merchant.example/notify';

describe('a query tells what became of an order, by either number', () => {
  let stage: Stage;
  let merchant: Merchant;

  beforeAll(async () => {
    stage = new Stage();
    merchant = await stage.merchant();
  });
  afterAll(() => stage.close());

  test('unpaid: nothing that only a payment brings', async () => {
    await merchant.prepay('QUERY_0001', NOTIFY_URL, { attach: 'kept' });
    const answer = await merchant.query('QUERY_0001');
    expect(answer.json).toEqual({
      appid: stage.material.appid,
      mchid: stage.material.mchid,
      out_trade_no: 'QUERY_0001',
      trade_state: 'NOTPAY',
      trade_state_desc: '订单未支付',
      amount: { total: 9900, currency: 'CNY' },
    });
    expect(merchant.verifiedSerial(answer.headers, answer.text)).toBe(stage.material.publicKeyId);
  });

  test('paid: the same full answer by out_trade_no and by transaction_id', async () => {
    await merchant.prepay('QUERY_0002', NOTIFY_URL, { attach: 'kept' });
    const paid = await merchant.control('POST', '/pay', { order_id: 'QUERY_0002', drop: true });
    const transactionId = String(paid.json['transaction_id']);
    expect(transactionId).toMatch(/^4200\d{24}$/);
    expect(paid.json).toMatchObject({ success_time: '2026-01-31T23:59:59+08:00', deliveries: [] });
    const answer = await merchant.query('QUERY_0002');
    expect(answer.json).toEqual({
      appid: stage.material.appid,
      mchid: stage.material.mchid,
      out_trade_no: 'QUERY_0002',
      transaction_id: transactionId,
      trade_type: 'NATIVE',
      trade_state: 'SUCCESS',
      trade_state_desc: '支付成功',
      bank_type: 'OTHERS',
      attach: 'kept',
      success_time: '2026-01-31T23:59:59+08:00',
      payer: { openid: expect.any(String) },
      amount: { total: 9900, payer_total: 9900, currency: 'CNY', payer_currency: 'CNY' },
    });
    const target = `/v3/pay/transactions/id/${transactionId}?mchid=${stage.material.mchid}`;
    expect((await merchant.call('GET', target, '')).json).toEqual(answer.json);
  });

  test('a wrong amount was really paid, until a right payment replaces it', async () => {
    await merchant.prepay('QUERY_0003', NOTIFY_URL);
    const pay = (more: object) => merchant.control('POST', '/pay', { order_id: 'QUERY_0003', drop: true, ...more });
    const wrong = await pay({ amount: 1 });
    expect((await merchant.query('QUERY_0003')).json).toMatchObject({ amount: { total: 1, payer_total: 1 } });
    const right = await pay({});
    expect(right.json['transaction_id']).not.toBe(wrong.json['transaction_id']);
    expect((await merchant.query('QUERY_0003')).json).toMatchObject({
      transaction_id: right.json['transaction_id'],
      amount: { total: 9900 },
    });
    const target = `/v3/pay/transactions/id/${String(wrong.json['transaction_id'])}?mchid=${stage.material.mchid}`;
    expect((await merchant.call('GET', target, '')).json['code']).toBe('ORDER_NOT_EXIST');
  });

  test('unknown numbers', async () => {
    const target = `/v3/pay/transactions/id/${'4'.repeat(28)}?mchid=${stage.material.mchid}`;
    for (const answer of [await merchant.query('NEVER_MADE'), await merchant.call('GET', target, '')]) {
      expect([answer.status, answer.json['code']]).toEqual([404, 'ORDER_NOT_EXIST']);
      expect(merchant.verifiedSerial(answer.headers, answer.text)).toBe(stage.material.publicKeyId);
    }
  });

  test.each(['', '?mchid=1900000009', '?mchid=1900000001&extra=1', '?mchid=1900000001&mchid=1900000001'])(
    'the query %p is refused',
    async (query) => {
      const answer = await merchant.call('GET', `/v3/pay/transactions/out-trade-no/QUERY_0001${query}`, '');
      expect([answer.status, answer.json['code']]).toEqual([400, 'PARAM_ERROR']);
      expect(answer.json['detail']).toMatchObject({ location: 'query' });
    },
  );

  test('a number that cannot be percent-decoded is the caller’s mistake', async () => {
    const target = `/v3/pay/transactions/out-trade-no/%E0%A4%A?mchid=${stage.material.mchid}`;
    const answer = await merchant.call('GET', target, '');
    expect([answer.status, answer.json['code']]).toEqual([400, 'PARAM_ERROR']);
  });
});
