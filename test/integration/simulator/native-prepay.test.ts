import type { Merchant } from './support/merchant';
import { Stage, orderReport } from './support/stage';

const NOTIFY_URL = 'https://merchant.example/notify';
const DAY_MS = 86_400_000;

let stage: Stage;
let merchant: Merchant;

beforeAll(async () => {
  stage = new Stage();
  merchant = await stage.merchant();
});
afterAll(() => stage.close());

describe('every answer is signed with the key that the request asked for', () => {
  test('the public key when its id is named', async () => {
    const answer = await merchant.prepay('SERIAL_0001', NOTIFY_URL);
    expect(answer.json).toEqual({ code_url: expect.stringMatching(/^weixin:\/\/wxpay\/bizpayurl\?pr=\w+$/) });
    expect(answer.headers.get('request-id')).toMatch(/^[0-9A-F]{32}-0$/);
    expect(answer.headers.get('wechatpay-signature-type')).toBe('WECHATPAY2-SHA256-RSA2048');
    expect(merchant.verifiedSerial(answer.headers, answer.text)).toBe(stage.material.publicKeyId);
  });

  test('the platform certificate when none is named', async () => {
    const answer = await merchant.prepay('SERIAL_0002', NOTIFY_URL, {}, { headers: { 'wechatpay-serial': null } });
    expect(merchant.verifiedSerial(answer.headers, answer.text)).toBe(stage.material.platformSerial);
  });

  test('an unknown name is refused before anything happens', async () => {
    const bend = { headers: { 'wechatpay-serial': 'PUB_KEY_ID_1' } };
    const answer = await merchant.prepay('SERIAL_0003', NOTIFY_URL, {}, bend);
    expect([answer.status, answer.json['code']]).toEqual([400, 'PARAM_ERROR']);
    expect((await merchant.query('SERIAL_0003')).status).toBe(404);
  });

  test('a path that does not exist', async () => {
    const answer = await merchant.call('GET', '/v3/no-such-thing', '');
    expect([answer.status, answer.json['code']]).toEqual([404, 'RESOURCE_NOT_EXISTS']);
    expect(merchant.verifiedSerial(answer.headers, answer.text)).toBe(stage.material.publicKeyId);
  });
});

describe('parameters are held to their documented bounds', () => {
  const cases: [name: string, more: object, field: string][] = [
    ['amount 0', { amount: { total: 0 } }, '/amount/total'],
    ['amount with a fraction', { amount: { total: 1.5 } }, '/amount/total'],
    ['amount as a string', { amount: { total: '9900' } }, '/amount/total'],
    ['no total', { amount: {} }, '/amount/total'],
    ['another currency', { amount: { total: 1, currency: 'USD' } }, '/amount/currency'],
    ['no notify_url', { notify_url: undefined }, '/notify_url'],
    ['notify_url with a query', { notify_url: 'https://a.example/n?x=1' }, '/notify_url'],
    ['notify_url without a path', { notify_url: 'https://a.example' }, '/notify_url'],
    ['notify_url not http', { notify_url: 'ftp://a.example/n' }, '/notify_url'],
    ['out_trade_no of 5 characters', { out_trade_no: 'abcde' }, '/out_trade_no'],
    ['out_trade_no of 33 characters', { out_trade_no: 'a'.repeat(33) }, '/out_trade_no'],
    ['out_trade_no with a dot', { out_trade_no: 'order.0001' }, '/out_trade_no'],
    ['description of 128 bytes', { description: 'a'.repeat(128) }, '/description'],
    ['description with an emoji', { description: '会员😀' }, '/description'],
    ['attach of 129 characters', { attach: 'a'.repeat(129) }, '/attach'],
    ['null', { attach: null }, '/attach'],
    ['an unknown key', { payer: { openid: 'o' } }, '/payer'],
    ['time_expire not RFC 3339', { time_expire: '2026-02-01 10:00:00' }, '/time_expire'],
    ['time_expire in a 13th month', { time_expire: '2026-13-01T00:00:00+08:00' }, '/time_expire'],
    ['scene_info without an address', { scene_info: { device_id: '1' } }, '/scene_info/payer_client_ip'],
    [
      'goods without a price',
      { detail: { goods_detail: [{ merchant_goods_id: '1', quantity: 1 }] } },
      '/detail/goods_detail/0/unit_price',
    ],
    ['the mchid of another merchant', { mchid: '1900000009' }, '/mchid'],
  ];

  test.each(cases)('%s', async (_name, more, field) => {
    const answer = await merchant.prepay('BOUNDS_0001', NOTIFY_URL, more);
    expect([answer.status, answer.json['code']]).toEqual([400, 'PARAM_ERROR']);
    expect(answer.json['detail']).toEqual({
      field,
      value: expect.any(String),
      issue: expect.any(String),
      location: 'body',
    });
    expect(merchant.verifiedSerial(answer.headers, answer.text)).toBe(stage.material.publicKeyId);
  });

  test('a body that is not JSON', async () => {
    const answer = await merchant.call('POST', '/v3/pay/transactions/native', '{');
    expect([answer.status, answer.json['code']]).toEqual([400, 'PARAM_ERROR']);
  });

  test('an appid that is not bound to the merchant', async () => {
    const answer = await merchant.prepay('BOUNDS_0002', NOTIFY_URL, { appid: 'wx0000000000000000' });
    expect([answer.status, answer.json['code']]).toEqual([400, 'APPID_MCHID_NOT_MATCH']);
  });
});

describe('re-entry', () => {
  test('the same parameters, in whichever order, give a fresh code_url that replaces the first', async () => {
    const first = await merchant.prepay('REENTRY_0001', NOTIFY_URL, { attach: 'a', goods_tag: 'g' });
    const second = await merchant.prepay('REENTRY_0001', NOTIFY_URL, { goods_tag: 'g', attach: 'a' });
    expect(second.status).toBe(200);
    expect(second.json['code_url']).not.toBe(first.json['code_url']);
    expect((await orderReport(merchant, 'REENTRY_0001')).prepay_count).toBe(2);
    const old = { order_id: 'REENTRY_0001', code_url: first.json['code_url'], drop: true };
    expect((await merchant.control('POST', '/pay', old)).json['code']).toBe('CODE_URL_INVALID');
    const fresh = { order_id: 'REENTRY_0001', code_url: second.json['code_url'], drop: true };
    expect((await merchant.control('POST', '/pay', fresh)).status).toBe(200);
  });

  test('other parameters are refused and change nothing', async () => {
    await merchant.prepay('REENTRY_0002', NOTIFY_URL);
    const answer = await merchant.prepay('REENTRY_0002', NOTIFY_URL, { amount: { total: 1 } });
    expect([answer.status, answer.json['code']]).toEqual([400, 'INVALID_REQUEST']);
    expect(answer.headers.get('request-id')).toMatch(/-268498688$/);
    expect((await merchant.query('REENTRY_0002')).json['amount']).toEqual({ total: 9900, currency: 'CNY' });
  });

  test('a paid order is refused', async () => {
    await merchant.prepay('REENTRY_0003', NOTIFY_URL);
    await merchant.control('POST', '/pay', { order_id: 'REENTRY_0003', drop: true });
    const answer = await merchant.prepay('REENTRY_0003', NOTIFY_URL);
    expect([answer.status, answer.json['code']]).toEqual([400, 'ORDERPAID']);
  });
});

describe('deadlines', () => {
  test('an order past its time_expire stays unpaid: the payer is refused', async () => {
    await merchant.prepay('EXPIRY_0001', NOTIFY_URL, { time_expire: '2026-02-01T00:10:00+08:00' });
    stage.clock.advance(11 * 60_000);
    const refused = await merchant.control('POST', '/pay', { order_id: 'EXPIRY_0001' });
    expect([refused.status, refused.json['code']]).toEqual([409, 'ORDER_EXPIRED']);
    expect((await merchant.query('EXPIRY_0001')).json['trade_state']).toBe('NOTPAY');
  });

  test('a time_expire in the past is moved to a minute from now', async () => {
    await merchant.prepay('EXPIRY_0002', NOTIFY_URL, { time_expire: '2020-01-01T00:00:00+08:00' });
    const paid = await merchant.control('POST', '/pay', { order_id: 'EXPIRY_0002', drop: true });
    expect(paid.status).toBe(200);
  });

  test('a time_expire far away is moved to fifteen days from now', async () => {
    await merchant.prepay('EXPIRY_FAR', NOTIFY_URL, { time_expire: '2030-01-01T00:00:00+08:00' });
    const { json } = await merchant.control('GET', '/orders/EXPIRY_FAR');
    expect(Date.parse(String(json['expire_time']))).toBe(stage.clock.now().getTime() + 15 * DAY_MS);
  });

  test('an unpaid order closes by itself after seven days, for payers and prepays alike', async () => {
    await merchant.prepay('EXPIRY_0003', NOTIFY_URL);
    stage.clock.advance(7 * DAY_MS);
    expect((await merchant.query('EXPIRY_0003')).json).toMatchObject({ trade_state: 'CLOSED' });
    const again = await merchant.prepay('EXPIRY_0003', NOTIFY_URL);
    expect([again.status, again.json['code']]).toEqual([400, 'ORDER_CLOSED']);
    const refused = await merchant.control('POST', '/pay', { order_id: 'EXPIRY_0003' });
    expect([refused.status, refused.json['code']]).toEqual([409, 'ORDER_CLOSED']);
  });
});
