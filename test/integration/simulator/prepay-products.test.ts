import { createSign } from 'node:crypto';
import type { Merchant } from './support/merchant';
import { Stage } from './support/stage';

const NOTIFY_URL = 'https://merchant.example/notify';
const PAYER = { payer: { openid: 'oPayer' } };
const BROWSER = { scene_info: { payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } } };

let stage: Stage;
let merchant: Merchant;

beforeAll(async () => {
  stage = new Stage();
  merchant = await stage.merchant();
});
afterAll(() => stage.close());

describe('each product has rules and an answer of its own', () => {
  const products: [product: string, more: object, answer: object, tradeType: string][] = [
    ['native', {}, { code_url: expect.stringMatching(/^weixin:/) }, 'NATIVE'],
    ['jsapi', PAYER, { prepay_id: expect.stringMatching(/^wx\w{34}$/) }, 'JSAPI'],
    ['app', {}, { prepay_id: expect.stringMatching(/^wx\w{34}$/) }, 'APP'],
    ['h5', BROWSER, { h5_url: expect.stringMatching(/^https:\/\/wx\.tenpay\.com\/.*prepay_id=wx\w{34}&/) }, 'MWEB'],
  ];

  test.each(products)('%s is pre-paid, re-entered and paid', async (product, more, answered, tradeType) => {
    const outTradeNo = `PRODUCT_${product}`;
    const first = await merchant.prepayBy(product, outTradeNo, NOTIFY_URL, more);
    expect([first.status, first.json]).toEqual([200, answered]);
    const second = await merchant.prepayBy(product, outTradeNo, NOTIFY_URL, more);
    expect(second.json).not.toEqual(first.json);
    const pay = (credential: object) =>
      merchant.control('POST', '/pay', { order_id: outTradeNo, drop: true, ...credential });
    expect((await pay(first.json)).json['code']).toBe('CODE_URL_INVALID');
    expect((await pay(second.json)).status).toBe(200);
    expect((await merchant.query(outTradeNo)).json).toMatchObject({ trade_state: 'SUCCESS', trade_type: tradeType });
  });

  test('the payer of a JSAPI order is the one that was named', async () => {
    await merchant.prepayBy('jsapi', 'PRODUCT_payer', NOTIFY_URL, PAYER);
    await merchant.control('POST', '/pay', { order_id: 'PRODUCT_payer', drop: true });
    expect((await merchant.query('PRODUCT_payer')).json['payer']).toEqual({ openid: 'oPayer' });
  });

  test('an h5_url lives for five minutes, a prepay_id for two hours', async () => {
    const h5 = await merchant.prepayBy('h5', 'LIFE_h5', NOTIFY_URL, BROWSER);
    const app = await merchant.prepayBy('app', 'LIFE_app', NOTIFY_URL, {});
    stage.clock.advance(300_001);
    const pay = (orderId: string, credential: object) =>
      merchant.control('POST', '/pay', { order_id: orderId, drop: true, ...credential });
    expect((await pay('LIFE_h5', h5.json)).json['code']).toBe('CODE_URL_INVALID');
    expect((await pay('LIFE_app', app.json)).status).toBe(200);
  });

  const refused: [name: string, product: string, more: object, field: string][] = [
    ['a JSAPI order without a payer', 'jsapi', {}, '/payer'],
    ['a JSAPI order without an openid', 'jsapi', { payer: {} }, '/payer/openid'],
    ['a Native order with a payer', 'native', PAYER, '/payer'],
    ['an app order with a payer', 'app', PAYER, '/payer'],
    ['an H5 order without a scene', 'h5', {}, '/scene_info'],
    ['an H5 order without h5_info', 'h5', { scene_info: { payer_client_ip: '::1' } }, '/scene_info/h5_info'],
    [
      'an H5 order of an unknown type',
      'h5',
      { scene_info: { payer_client_ip: '::1', h5_info: { type: 'Windows' } } },
      '/scene_info/h5_info/type',
    ],
    [
      'an H5 order from no address',
      'h5',
      { scene_info: { payer_client_ip: 'localhost', h5_info: { type: 'Wap' } } },
      '/scene_info/payer_client_ip',
    ],
    ['a Native order with h5_info', 'native', BROWSER, '/scene_info/h5_info'],
  ];

  test.each(refused)('%s is refused', async (_name, product, more, field) => {
    const answer = await merchant.prepayBy(product, 'PRODUCT_bounds', NOTIFY_URL, more);
    expect([answer.status, answer.json['code']]).toEqual([400, 'PARAM_ERROR']);
    expect(answer.json['detail']).toMatchObject({ field });
    expect((await merchant.query('PRODUCT_bounds')).status).toBe(404);
  });

  test('a number used with one product is refused with another, and stays as it was', async () => {
    await merchant.prepay('PRODUCT_used', NOTIFY_URL);
    const answer = await merchant.prepayBy('app', 'PRODUCT_used', NOTIFY_URL, {});
    expect([answer.status, answer.json['code']]).toEqual([403, 'OUT_TRADE_NO_USED']);
    const { json } = await merchant.control('GET', '/orders/PRODUCT_used');
    expect(json).toMatchObject({ trade_type: 'NATIVE', prepay_count: 1 });
  });
});

describe('WeChat opens a payment only when it is signed rightly', () => {
  const nonce = 'n'.repeat(32);

  function sign(...lines: string[]): string {
    const message = lines.map((line) => `${line}\n`).join('');
    return createSign('RSA-SHA256').update(message).sign(stage.material.merchantKey, 'base64');
  }

  test('JSAPI: over the appId, the time, the nonce and prepay_id=…', async () => {
    const { appid: appId } = stage.material;
    const { json } = await merchant.prepayBy('jsapi', 'PAYSIGN_jsapi', NOTIFY_URL, PAYER);
    const prepay = `prepay_id=${String(json['prepay_id'])}`;
    const right = { appId, timeStamp: '1769875199', nonceStr: nonce, package: prepay, signType: 'RSA' };
    const paySign = sign(appId, right.timeStamp, nonce, prepay);
    const pay = (pay_sign: object) =>
      merchant.control('POST', '/pay', { order_id: 'PAYSIGN_jsapi', drop: true, pay_sign });
    for (const wrong of [
      { nonceStr: 'other' },
      { package: 'prepay_id=wx1' },
      { package: prepay.slice(10) },
      { signType: 'MD5' },
      { timeStamp: '1' },
      { appId: 'wx0' },
      { paySign: sign(appId) },
    ]) {
      expect((await pay({ ...right, paySign, ...wrong })).json['code']).toBe('PAY_SIGN_INVALID');
    }
    expect((await merchant.query('PAYSIGN_jsapi')).json['trade_state']).toBe('NOTPAY');
    expect((await pay({ ...right, paySign })).status).toBe(200);
  });

  test('app: over the bare prepay_id', async () => {
    const { appid, mchid: partnerid } = stage.material;
    const { json } = await merchant.prepayBy('app', 'PAYSIGN_app', NOTIFY_URL, {});
    const prepayid = String(json['prepay_id']);
    const right = { appid, partnerid, prepayid, package: 'Sign=WXPay', noncestr: nonce, timestamp: '1769875199' };
    const pay = (pay_sign: object) =>
      merchant.control('POST', '/pay', { order_id: 'PAYSIGN_app', drop: true, pay_sign });
    const likeJsapi = sign(appid, right.timestamp, nonce, `prepay_id=${prepayid}`);
    expect((await pay({ ...right, sign: likeJsapi })).json['code']).toBe('PAY_SIGN_INVALID');
    const signed = sign(appid, right.timestamp, nonce, prepayid);
    expect((await pay({ ...right, partnerid: '1', sign: signed })).json['code']).toBe('PAY_SIGN_INVALID');
    expect((await pay({ ...right, sign: signed })).status).toBe(200);
  });
});
