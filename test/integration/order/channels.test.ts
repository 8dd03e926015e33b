import { createVerify, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  OrderStatus,
  PaymentChannel,
  type CreateOrderRequest,
  type OrderPayment,
} from '../../../src/gen/billing/v1/order_service.pb';
import { loadConfig } from '../../../src/platform/config';
import { createFieldCipher } from '../../../src/platform/crypto/field-cipher';
import { mustSucceed } from '../../support/clients';
import { newId, registerUser, serviceEnvironment, type Harness } from '../../support/harness';
import { moneyState } from '../../support/observe';
import { createOrderCall, getOrderCall, getOrderPaymentCall } from '../../support/order-calls';
import { openPromotion, claim } from '../../support/promotions';
import { startRecordedHarness, type RecordedCall, type RecordingProxy } from '../../support/recording-proxy';
import { TABLE_PRIVILEGES } from '../../../migrations/privileges';

const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
const ADDRESS = '198.51.100.237';

let h: Harness;
let proxy: RecordingProxy;
beforeAll(async () => {
  ({ h, proxy } = await startRecordedHarness());
});
afterAll(() => h.stop());

interface Channel {
  readonly name: 'native' | 'jsapi' | 'h5' | 'app';
  readonly fields: Partial<CreateOrderRequest>;
  /** What the channel adds to the prepay. */
  readonly told: Readonly<Record<string, unknown>>;
}

const CHANNELS: readonly Channel[] = [
  { name: 'native', fields: { channel: PaymentChannel.NATIVE }, told: {} },
  {
    name: 'jsapi',
    fields: { channel: PaymentChannel.JSAPI, openid: OPENID },
    told: { payer: { openid: OPENID } },
  },
  {
    name: 'h5',
    fields: { channel: PaymentChannel.H5, clientIp: ADDRESS },
    told: { scene_info: { payer_client_ip: ADDRESS, h5_info: { type: 'Wap' } } },
  },
  { name: 'app', fields: { channel: PaymentChannel.APP }, told: {} },
];

/** Prepays of an order that reached WeChat Pay. */
function prepaysOf(orderId: string): readonly RecordedCall[] {
  return proxy.calls.filter(({ method, body }) => method === 'POST' && body.includes(`"${orderId}"`));
}

/** Whether the merchant's certificate verifies a payer's signature (调起支付签名). */
function isSignedByMerchant(lines: readonly string[], signature: string): boolean {
  const certificate = new X509Certificate(readFileSync(join(h.infra.wechatpayDir, 'merchant.crt')));
  const message = lines.map((line) => `${line}\n`).join('');
  return createVerify('RSA-SHA256').update(message).verify(certificate.publicKey, signature, 'base64');
}

/** What is right about the payment parameters of a channel. */
function expectPayable(payment: OrderPayment | undefined, name: Channel['name']): void {
  const env = serviceEnvironment(h.infra, h.db.url, h.simulatorUrl);
  const method = payment?.method;
  expect(method?.$case).toBe(name);
  switch (method?.$case) {
    case 'native':
      return expect(method.value.codeUrl).toMatch(/^weixin:\/\//);
    case 'h5':
      return expect(method.value.h5Url).toMatch(/^https?:\/\/.+prepay_id=/);
    case 'jsapi': {
      const { appId, timeStamp, nonceStr, package: prepay, signType, paySign } = method.value;
      expect([appId, signType]).toEqual([env['WECHATPAY_APPID'], 'RSA']);
      expect(prepay).toMatch(/^prepay_id=wx/);
      return expect(isSignedByMerchant([appId, timeStamp, nonceStr, prepay], paySign)).toBe(true);
    }
    case 'app': {
      const { appId, partnerId, prepayId, package: prepay, nonceStr, timestamp, sign } = method.value;
      const { WECHATPAY_APPID: appid, WECHATPAY_MCHID: mchid } = env;
      expect([appId, partnerId, prepay]).toEqual([appid, mchid, 'Sign=WXPay']);
      return expect(isSignedByMerchant([appId, timestamp, nonceStr, prepayId], sign)).toBe(true);
    }
    default:
      throw new Error('no payment');
  }
}

/** R4.1, 下单 and 调起支付签名: an order is opened in the product that the payer uses, and can be paid there. */
describe.each(CHANNELS)('an order that is paid by $name', ({ name, fields, told }) => {
  test('is opened in its product with what that asks for, and gives what the payer needs', async () => {
    const userId = await registerUser(h);
    const { order, payment } = await mustSucceed(createOrderCall(h, { userId, ...fields }));
    expect(order).toMatchObject({ status: OrderStatus.PENDING, channel: fields.channel });
    expectPayable(payment, name);
    const [prepay, ...others] = prepaysOf(order?.orderId ?? '');
    expect(others).toEqual([]);
    expect(prepay?.path).toBe(`/v3/pay/transactions/${name}`);
    const body = JSON.parse(String(prepay?.body)) as Record<string, unknown>;
    const { payer, scene_info } = body;
    expect(JSON.parse(JSON.stringify({ payer, scene_info }))).toEqual(told);
    await h.control('/_control/pay', { order_id: order?.orderId });
    expect((await mustSucceed(getOrderCall(h, userId, order?.orderId ?? ''))).order?.status).toBe(OrderStatus.PAID);
  });

  test('重入: is opened again by the same bytes, whoever asks, and gives fresh parameters', async () => {
    const userId = await registerUser(h);
    const requestId = newId('order');
    const first = await mustSucceed(createOrderCall(h, { userId, requestId, ...fields }));
    const orderId = first.order?.orderId ?? '';
    const again = await mustSucceed(createOrderCall(h, { userId, requestId, ...fields }));
    const asked = await mustSucceed(getOrderPaymentCall(h, userId, orderId));
    expect(again).toMatchObject({ replayed: true, order: { orderId } });
    for (const { payment } of [again, asked]) expectPayable(payment, name);
    const bodies = prepaysOf(orderId).map(({ body }) => body.toString());
    expect(bodies).toHaveLength(3);
    expect(new Set(bodies).size).toBe(1);
    const parameters = [first, again, asked].map(({ payment }) => JSON.stringify(payment));
    expect(new Set(parameters).size).toBe(3);
  });
});

describe('who pays an order', () => {
  const jsapi = { channel: PaymentChannel.JSAPI, openid: OPENID };

  test('is part of the request: another openid under the same request_id is REQUEST_ID_REUSED', async () => {
    const [userId, requestId] = [await registerUser(h), newId('order')];
    await mustSucceed(createOrderCall(h, { userId, requestId, ...jsapi }));
    const before = await moneyState(h);
    const other = await createOrderCall(h, { userId, requestId, ...jsapi, openid: `${OPENID}X` });
    expect(other).toMatchObject({ ok: false, code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    expect(await moneyState(h)).toEqual(before);
  });

  test('R11.2: lies sealed for its own row: nowhere in the database in clear, and in no log line', async () => {
    const openid = `oSecret${newId('').replaceAll('-', '').slice(0, 20)}`;
    const address = '2001:db8:5ec2:e7::77';
    const userId = await registerUser(h);
    const made = [
      await mustSucceed(createOrderCall(h, { userId, channel: PaymentChannel.JSAPI, openid })),
      await mustSucceed(createOrderCall(h, { userId, channel: PaymentChannel.H5, clientIp: address })),
    ];
    for (const table of Object.keys(TABLE_PRIVILEGES)) {
      const rows = await h.db.query(`SELECT * FROM ${table}`);
      const text = rows.map((row) =>
        Object.values(row)
          .map((value) => (Buffer.isBuffer(value) ? value.toString('latin1') : String(value)))
          .join(' '),
      );
      expect(text.filter((row) => row.includes(openid) || row.includes(address))).toEqual([]);
    }
    const lines = h.logs.map((line) => JSON.stringify(line));
    expect(lines.filter((line) => line.includes(openid) || line.includes(address))).toEqual([]);

    const cipher = createFieldCipher(loadConfig(serviceEnvironment(h.infra, h.db.url, h.simulatorUrl)).DATA_KEYS);
    const ids = made.map(({ order }) => order?.orderId ?? '');
    const sealed = await Promise.all(
      ids.map((id) => h.db.query('SELECT sealed_payer FROM order_payers WHERE order_id = ?', [id])),
    );
    const open = (row: number, primaryKey: string): string =>
      cipher.decrypt(sealed[row]?.[0]?.['sealed_payer'] as Buffer, {
        table: 'order_payers',
        column: 'sealed_payer',
        primaryKey,
      });
    expect([open(0, ids[0] ?? ''), open(1, ids[1] ?? '')]).toEqual([openid, address]);
    expect(() => open(0, ids[1] ?? '')).toThrow('authentication');
  });

  test('is not kept where nobody has to know: other channels, and orders that are free', async () => {
    const userId = await registerUser(h);
    const { order } = await mustSucceed(createOrderCall(h, { userId, channel: PaymentChannel.APP }));
    const promotionId = await openPromotion(h, { discountValue: 1_000_000, mayBeFree: true });
    const { couponId } = await claim(h, userId, promotionId);
    const free = await mustSucceed(createOrderCall(h, { userId, couponId, ...jsapi }));
    expect(free.order?.status).toBe(OrderStatus.PAID);
    const ids = [order?.orderId, free.order?.orderId];
    expect(await h.db.query('SELECT order_id FROM order_payers WHERE order_id IN (?)', [ids])).toEqual([]);
  });
});
