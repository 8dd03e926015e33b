import type { WechatpayClient } from '../../../src/payment/wechatpay/client/client';
import type { Prepay } from '../../../src/payment/wechatpay/prepay';
import type { KeyMode, Wechatpay, WechatpayOptions } from '../../../src/payment/wechatpay/wechatpay';
import { fen } from '../../../src/platform/money';
import { MS_PER_DAY } from '../../../src/platform/time';
import { until } from '../../support/harness';
import type { Merchant } from '../simulator/support/merchant';
import { Stage } from '../simulator/support/stage';
import { budget, openClient, unavailable, type Lines } from './client-under-test';

/** The client against the local WeChat Pay, which shares no code with it: what both agree on is the protocol. */
let stage: Stage;
let merchant: Merchant;
let lines: Lines;
const opened: WechatpayClient[] = [];
beforeAll(async () => {
  stage = new Stage();
  merchant = await stage.merchant();
});
beforeEach(() => {
  lines = [];
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((client) => client.close()));
  await merchant.control('DELETE', '/fault');
  await merchant.control('POST', '/keys', { mode: 'both' });
});
afterAll(() => stage.close());

function open(change: Partial<WechatpayOptions> = {}): Wechatpay {
  const { appid, mchid, merchantSerial, merchantKey, apiv3Key, publicKeyId, wechatKeys } = stage.material;
  const pem = wechatKeys.get(publicKeyId)!.export({ type: 'spki', format: 'pem' }).toString();
  const wechatpay = openClient(merchant.url, lines, {
    ...{ appid, mchid, merchantSerial, merchantKey, apiv3Key, clock: stage.clock },
    publicKey: { serial: publicKeyId, pem },
    breakerFailuresMax: 100,
    ...change,
  });
  opened.push(wechatpay.client);
  return wechatpay;
}

let count = 0;
function newPrepay(): Prepay & { readonly channel: 'native' } {
  count += 1;
  return {
    channel: 'native',
    orderId: `CLIENT_${String(count).padStart(6, '0')}`,
    description: '月度会员 "¥99" 🎉',
    amount: fen(9900),
    expireTime: new Date(stage.clock.now().getTime() + 1_800_000),
    notifyUrl: 'http://127.0.0.1:1/notify',
  };
}

/** Opens an order and pays it without a notification. */
async function payOrder(
  client: WechatpayClient,
  more: object = {},
): Promise<{ orderId: string; transactionId: string }> {
  const prepay = newPrepay();
  await client.prepay(prepay, budget);
  const { json } = await merchant.control('POST', '/pay', { order_id: prepay.orderId, drop: true, ...more });
  return { orderId: prepay.orderId, transactionId: String(json['transaction_id']) };
}
const refundOf = (transactionId: string, amount = 6_000) => ({
  outRefundNo: `R_${transactionId}`,
  transactionId,
  reason: '不想要了',
  notifyUrl: 'http://127.0.0.1:1/notify/refund',
  amount: fen(amount),
  total: fen(9900),
});

describe('every operation', () => {
  test('prepay in all four channels, and again with the same values', async () => {
    const { client } = open();
    const channels = [
      { channel: 'native' },
      { channel: 'app' },
      { channel: 'jsapi', openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' },
      { channel: 'h5', clientIp: '203.0.113.7' },
    ] as const;
    for (const channel of channels) {
      const prepay: Prepay = { ...newPrepay(), ...channel };
      await expect(client.prepay(prepay, budget)).resolves.toMatchObject({ channel: channel.channel });
      await expect(client.prepay(prepay, budget)).resolves.toMatchObject({ channel: channel.channel });
    }
  });

  test('an order from its opening to its payment, asked by either id', async () => {
    const { client } = open();
    const prepay = newPrepay();
    const by = { orderId: prepay.orderId };
    await expect(client.queryOrder(by, budget)).rejects.toMatchObject({ code: 'ORDER_NOT_EXIST', isVerified: true });
    await client.prepay(prepay, budget);
    const waiting = { orderId: prepay.orderId, tradeState: 'NOTPAY', transaction: undefined };
    await expect(client.queryOrder(by, budget)).resolves.toEqual(waiting);
    const { json } = await merchant.control('POST', '/pay', { order_id: prepay.orderId, drop: true });
    const transactionId = String(json['transaction_id']);
    for (const key of [by, { transactionId }]) {
      const order = await client.queryOrder(key, budget);
      expect(order).toMatchObject({ orderId: prepay.orderId, tradeState: 'SUCCESS' });
      expect(order.transaction).toMatchObject({
        transactionId,
        amountTotal: 9900,
        currency: 'CNY',
        tradeType: 'NATIVE',
      });
    }
    await expect(client.closeOrder(prepay.orderId, budget)).rejects.toMatchObject({ code: 'ORDER_PAID' });
    await expect(client.prepay(prepay, budget)).rejects.toMatchObject({ name: 'WechatpayRefused' });
  });

  test('closing, as often as one likes; then nothing can be opened', async () => {
    const { client } = open();
    const prepay = newPrepay();
    await client.prepay(prepay, budget);
    await client.closeOrder(prepay.orderId, budget);
    await client.closeOrder(prepay.orderId, budget);
    await expect(client.queryOrder({ orderId: prepay.orderId }, budget)).resolves.toMatchObject({
      tradeState: 'CLOSED',
    });
    await expect(client.prepay(prepay, budget)).rejects.toMatchObject({ code: 'ORDER_CLOSED' });
  });

  test('a refund, repeated, asked about, and visible in the order, which keeps its payment', async () => {
    const { client } = open();
    const { orderId, transactionId } = await payOrder(client);
    const request = refundOf(transactionId);
    const missing = { code: 'RESOURCE_NOT_EXISTS', isVerified: true };
    await expect(client.queryRefund(request.outRefundNo, budget)).rejects.toMatchObject(missing);
    const first = await client.refund(request, budget);
    expect(first).toMatchObject({ outTradeNo: orderId, transactionId, amount: 6_000, total: 9_900 });
    const again = await client.refund(request, budget);
    expect(again.refundId).toBe(first.refundId);
    await until('the refund succeeded', async () => {
      const { status, successTime } = await client.queryRefund(request.outRefundNo, budget);
      return status === 'SUCCESS' && successTime !== null;
    });
    const order = await client.queryOrder({ orderId }, budget);
    expect(order).toMatchObject({ tradeState: 'REFUND', transaction: { transactionId, amountTotal: 9900 } });
    const other = { ...request, amount: fen(1) };
    await expect(client.refund(other, budget)).rejects.toMatchObject({ name: 'WechatpayRefused' });
  });

  test('both bills of a day, whose totals agree, and the day before, on which nothing happened', async () => {
    const { client } = open();
    const { orderId, transactionId } = await payOrder(client);
    await client.refund(refundOf(transactionId), budget);
    const day = new Date(stage.clock.now().getTime() + 8 * 3_600_000).toISOString().slice(0, 10);
    const before = new Date(stage.clock.now().getTime() + 8 * 3_600_000 - MS_PER_DAY).toISOString().slice(0, 10);
    stage.clock.advance(MS_PER_DAY);

    const bill = await client.downloadTradeBill(day, budget);
    const ours = bill.lines.filter((line) => line.orderId === orderId);
    expect(ours).toMatchObject([
      { tradeState: 'SUCCESS', transactionId, orderAmount: 9_900, outRefundNo: null },
      { tradeState: 'REFUND', transactionId, requestedRefundAmount: 6_000, outRefundNo: `R_${transactionId}` },
    ]);
    const flows = await client.downloadFundFlowBill(day, 'BASIC', budget);
    expect(flows.lines.some(({ businessId, amount }) => businessId === transactionId && amount === 9_900)).toBe(true);
    await expect(client.downloadTradeBill(before, budget)).resolves.toMatchObject({ exists: false, lines: [] });
  });
});

describe('every fault', () => {
  test.each(['429', '500', '500-after', '202', 'html-502', 'drop', 'drop-after'])(
    '%s once is healed within the call, and nothing happens twice',
    async (name) => {
      const { client } = open();
      const { transactionId } = await payOrder(client);
      await merchant.control('POST', '/fault', { name, times: 1 });
      const refunded = await client.refund(refundOf(transactionId), budget);
      expect(refunded).toMatchObject({ transactionId, amount: 6_000 });
      // Refunds of one order keep a minute's distance.
      stage.clock.advance(60_000);
      const rest = { ...refundOf(transactionId, 3_900), outRefundNo: `S_${transactionId}` };
      await expect(client.refund(rest, budget)).resolves.toMatchObject({ amount: 3_900 });
    },
  );

  test.each(['unsigned', 'badsign'])(
    '%s: it happened, but nobody believes it until it is asked again',
    async (name) => {
      const { client } = open();
      const prepay = newPrepay();
      await merchant.control('POST', '/fault', { name, times: 1 });
      await expect(client.prepay(prepay, budget)).rejects.toMatchObject(unavailable);
      await expect(client.prepay(prepay, budget)).resolves.toMatchObject({ channel: 'native' });
    },
  );

  test('slow: given up within the budget; then the order is found to be open', async () => {
    const { client } = open();
    const prepay = newPrepay();
    await merchant.control('POST', '/fault', { name: 'slow', times: 3, ms: 60_000 });
    await expect(client.prepay(prepay, { timeoutMs: 600 })).rejects.toMatchObject(unavailable);
    await merchant.control('DELETE', '/fault');
    await expect(client.queryOrder({ orderId: prepay.orderId }, budget)).resolves.toMatchObject({
      tradeState: 'NOTPAY',
    });
  });
});

describe('every key mode', () => {
  test.each<[KeyMode, string]>([
    ['public-key', 'both'],
    ['public-key', 'public-key'],
    ['certificate', 'both'],
    ['certificate', 'platform'],
    ['switching', 'both'],
    ['switching', 'platform'],
    ['switching', 'public-key'],
  ])('%s works with a merchant whose portal says %s', async (keyMode, mode) => {
    await merchant.control('POST', '/keys', { mode });
    const { client } = open({ keyMode });
    await expect(client.prepay(newPrepay(), budget)).resolves.toMatchObject({ channel: 'native' });
    const by = { orderId: 'NEVER_MADE' };
    await expect(client.queryOrder(by, budget)).rejects.toMatchObject({ code: 'ORDER_NOT_EXIST', isVerified: true });
  });

  test('public-key mode believes no answer while WeChat Pay still signs with certificates', async () => {
    await merchant.control('POST', '/keys', { mode: 'platform' });
    await expect(open().client.prepay(newPrepay(), budget)).rejects.toMatchObject(unavailable);
  });
});
