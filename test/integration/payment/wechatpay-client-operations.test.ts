import { createVerify } from 'node:crypto';
import type { WechatpayClient } from '../../../src/payment/wechatpay/client/client';
import { fen } from '../../../src/platform/money';
import { isSignedBy, startAnsweringServer, type AnsweringServer } from './answering-server';
import {
  APPID,
  budget,
  clock,
  dropped,
  MCHID,
  merchant,
  openClient,
  prepay,
  signed,
  unavailable,
  type Lines,
} from './client-under-test';

const PREPAY_ID = 'wx201410272009395522657a690389285100';
const TRANSACTION_ID = '4200002600202607018888888888';
const unpaid = { appid: APPID, mchid: MCHID, out_trade_no: prepay.orderId, trade_state: 'NOTPAY' };
const paid = {
  ...unpaid,
  trade_state: 'SUCCESS',
  transaction_id: TRANSACTION_ID,
  success_time: '2026-07-01T12:00:05+08:00',
  amount: { total: 9900, payer_total: 9900, currency: 'CNY' },
};
const request = {
  outRefundNo: 'R20260701130000002',
  transactionId: TRANSACTION_ID,
  reason: '不想要了',
  notifyUrl: 'https://pay.example.com/wechatpay/notify/refund',
  amount: fen(6000),
  total: fen(9900),
};
const accepted = {
  refund_id: '50000000382019052709732678860',
  out_refund_no: request.outRefundNo,
  transaction_id: TRANSACTION_ID,
  out_trade_no: prepay.orderId,
  status: 'PROCESSING',
  amount: { total: 9900, refund: 6000, currency: 'CNY' },
};
const told = {
  outTradeNo: prepay.orderId,
  transactionId: TRANSACTION_ID,
  refundId: '50000000382019052709732678860',
  outRefundNo: request.outRefundNo,
  status: 'PROCESSING',
  successTime: null,
  amount: 6000,
  total: 9900,
};

let server: AnsweringServer;
let client: WechatpayClient;
let lines: Lines;
beforeAll(async () => {
  server = await startAnsweringServer();
});
beforeEach(() => {
  lines = [];
  ({ client } = openClient(server.url, lines));
});
afterEach(() => client.close());
afterAll(() => server.close());

const answer = (body: unknown) => server.answerWith(signed(200, JSON.stringify(body)));
const sent = () => {
  expect(isSignedBy(merchant.publicKey, server.received[0]!)).toBe(true);
  const { method, url, body } = server.received[0]!;
  return { method, url, body: body.length === 0 ? null : (JSON.parse(body.toString()) as unknown) };
};
const isSignedOver = (signature: string, ...fields: string[]): boolean =>
  createVerify('sha256')
    .update(`${fields.join('\n')}\n`)
    .verify(merchant.publicKey, signature, 'base64');

describe('prepay', () => {
  const { channel: _native, ...order } = prepay;

  test('JSAPI: the payer gets a signature of his own, made with the key of the prepay', async () => {
    answer({ prepay_id: PREPAY_ID });
    const parameters = await client.prepay({ ...order, channel: 'jsapi', openid: 'oU1' }, budget);
    expect(sent()).toMatchObject({ url: '/v3/pay/transactions/jsapi', body: { payer: { openid: 'oU1' } } });
    if (parameters.channel !== 'jsapi') throw new Error(parameters.channel);
    const { timeStamp, nonceStr, paySign } = parameters;
    expect(parameters).toMatchObject({ appId: APPID, signType: 'RSA', package: `prepay_id=${PREPAY_ID}` });
    expect(timeStamp).toBe(String(clock.now().getTime() / 1_000));
    expect(isSignedOver(paySign, APPID, timeStamp, nonceStr, `prepay_id=${PREPAY_ID}`)).toBe(true);
    answer({ prepay_id: PREPAY_ID });
    const again = await client.prepay({ ...order, channel: 'jsapi', openid: 'oU1' }, budget);
    expect(again).not.toMatchObject({ nonceStr });
  });

  test('APP: the parameters of the SDK, signed over the bare prepay_id', async () => {
    answer({ prepay_id: PREPAY_ID });
    const parameters = await client.prepay({ ...order, channel: 'app' }, budget);
    expect(sent()).toMatchObject({ url: '/v3/pay/transactions/app' });
    if (parameters.channel !== 'app') throw new Error(parameters.channel);
    expect(parameters).toMatchObject({ partnerid: MCHID, prepayid: PREPAY_ID, package: 'Sign=WXPay' });
    const { timestamp, noncestr, sign } = parameters;
    expect(isSignedOver(sign, APPID, timestamp, noncestr, PREPAY_ID)).toBe(true);
  });

  test('H5: the page to open; neither the address of the payer nor an openid is logged', async () => {
    const h5Url = 'https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=1&package=2';
    answer({ h5_url: h5Url });
    const parameters = await client.prepay({ ...order, channel: 'h5', clientIp: '203.0.113.7' }, budget);
    expect(parameters).toEqual({ channel: 'h5', h5Url });
    expect(sent()).toMatchObject({ body: { scene_info: { payer_client_ip: '203.0.113.7' } } });
    answer({ prepay_id: PREPAY_ID });
    await client.prepay({ ...order, channel: 'jsapi', openid: 'oU-secret' }, budget);
    expect(lines).toHaveLength(2);
    expect(JSON.stringify(lines)).not.toMatch(/203\.0\.113|oU-secret|WECHATPAY2|signature/);
  });
});

describe('an order', () => {
  test('unpaid: its state, and no payment; asked by GET without a body', async () => {
    answer(unpaid);
    const order = { orderId: prepay.orderId, tradeState: 'NOTPAY', transaction: undefined };
    await expect(client.queryOrder({ orderId: prepay.orderId }, budget)).resolves.toEqual(order);
    const url = `/v3/pay/transactions/out-trade-no/${prepay.orderId}?mchid=${MCHID}`;
    expect(sent()).toEqual({ method: 'GET', url, body: null });
    expect(server.received[0]!.headers).not.toHaveProperty('content-type');
  });

  test.each(['SUCCESS', 'REFUND'])('%s: the payment, as a notification would tell it', async (tradeState) => {
    answer({ ...paid, trade_state: tradeState });
    const order = await client.queryOrder({ transactionId: TRANSACTION_ID }, budget);
    expect(sent().url).toBe(`/v3/pay/transactions/id/${TRANSACTION_ID}?mchid=${MCHID}`);
    expect(order.transaction).toMatchObject({ outTradeNo: prepay.orderId, tradeState, amountTotal: 9900 });
  });

  test.each([
    ['of another order', { ...paid, out_trade_no: 'T2' }],
    ['of another merchant', { ...paid, mchid: '1900000001' }],
    ['of another app', { ...paid, appid: 'wx0000000000000000' }],
    ['of a payment without its amount', { ...paid, amount: undefined }],
    ['of nothing', {}],
  ])('an answer %s leaves the state unknown', async (_, body) => {
    answer(body);
    await expect(client.queryOrder({ orderId: prepay.orderId }, budget)).rejects.toMatchObject(unavailable);
  });

  test.each(['ORDER_NOT_EXIST', 'ORDERNOTEXIST'])('%s is a refusal, verified when it is signed', async (code) => {
    server.answerWith(signed(404, JSON.stringify({ code })));
    const refused = { name: 'WechatpayRefused', code: 'ORDER_NOT_EXIST', isVerified: true };
    await expect(client.queryOrder({ orderId: prepay.orderId }, budget)).rejects.toMatchObject(refused);
  });

  test('closed: a signed 204 without a body', async () => {
    server.answerWith(signed(204, ''));
    await expect(client.closeOrder(prepay.orderId, budget)).resolves.toBeUndefined();
    const url = `/v3/pay/transactions/out-trade-no/${prepay.orderId}/close`;
    expect(sent()).toEqual({ method: 'POST', url, body: { mchid: MCHID } });
  });

  test('a 204 that nobody signed closes nothing; ORDERPAID is a refusal', async () => {
    server.answerWith((response) => response.writeHead(204).end());
    await expect(client.closeOrder(prepay.orderId, budget)).rejects.toMatchObject(unavailable);
    server.answerWith(signed(400, '{"code":"ORDERPAID"}'));
    await expect(client.closeOrder(prepay.orderId, budget)).rejects.toMatchObject({ code: 'ORDER_PAID' });
  });
});

describe('a refund', () => {
  test('is accepted, with the number and amounts that were asked for', async () => {
    answer(accepted);
    await expect(client.refund(request, budget)).resolves.toEqual(told);
    const amount = { refund: 6000, total: 9900, currency: 'CNY' };
    expect(sent()).toMatchObject({ method: 'POST', url: '/v3/refund/domestic/refunds', body: { amount } });
  });

  test('is repeated to the byte when the answer is lost, so that it can not happen twice', async () => {
    server.answerWith(dropped, signed(200, JSON.stringify(accepted)));
    await expect(client.refund(request, budget)).resolves.toEqual(told);
    expect(server.received[1]!.body.equals(server.received[0]!.body)).toBe(true);
  });

  test.each([
    ['refund', { out_refund_no: 'R2' }],
    ['payment', { transaction_id: '42' }],
    ['amount', { amount: { total: 9900, refund: 1 } }],
  ])('an answer about another %s leaves the outcome unknown', async (_, change) => {
    answer({ ...accepted, ...change });
    await expect(client.refund(request, budget)).rejects.toMatchObject(unavailable);
  });

  test('NOT_ENOUGH is a refusal: the same number may be tried after a top-up', async () => {
    server.answerWith(signed(403, '{"code":"NOTENOUGH"}'));
    await expect(client.refund(request, budget)).rejects.toMatchObject({ code: 'NOT_ENOUGH', isVerified: true });
    expect(server.received).toHaveLength(1);
  });

  test('is asked about by its number, and an answer about another is none', async () => {
    answer({ ...accepted, status: 'SUCCESS', success_time: '2026-07-01T13:00:05+08:00' });
    const successTime = new Date('2026-07-01T05:00:05Z');
    const done = { ...told, status: 'SUCCESS', successTime };
    await expect(client.queryRefund(request.outRefundNo, budget)).resolves.toEqual(done);
    expect(sent().url).toBe('/v3/refund/domestic/refunds/R20260701130000002');
    await expect(client.queryRefund('R2', budget)).rejects.toMatchObject(unavailable);
  });
});
