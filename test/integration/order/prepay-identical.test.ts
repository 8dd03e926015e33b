import { OrderStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { createWechatpay, readMerchantKey } from '../../../src/payment';
import { systemClock } from '../../../src/platform/clock';
import { loadConfig } from '../../../src/platform/config';
import { createLogger } from '../../../src/platform/log';
import { fen } from '../../../src/platform/money';
import { startService } from '../../../src/service';
import { call, connectClient, mustSucceed } from '../../support/clients';
import { newId, registerUser, serviceEnvironment, startHarness, type Harness } from '../../support/harness';
import { codeUrlOf, createOrderCall, getOrderCall } from '../../support/order-calls';

/** Design §6, 重入 of WeChat Pay: a prepay is repeated to the byte, or WeChat Pay refuses it and the order's old code stays payable. */
describe('an order whose prepay is repeated', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  test('by a deployment with another notification address tells the address it was made with', async () => {
    const userId = await registerUser(h);
    const { order } = await mustSucceed(createOrderCall(h, { userId }));
    const env = {
      ...serviceEnvironment(h.infra, h.db.url, h.simulatorUrl),
      WECHATPAY_NOTIFY_URL: 'http://127.0.0.1:2/wechatpay/notify/transaction',
    };
    const quiet = createLogger({ level: 'fatal', role: 'all' });
    const moved = await startService(loadConfig(env), quiet, h.clock);
    const client = connectClient(`127.0.0.1:${moved.ports.grpcPort}`, h.infra.tlsDir, 'order-service');
    try {
      const request = { userId, orderId: order?.orderId ?? '' };
      const reply = await mustSucceed(call(client.order.getOrderPayment.bind(client.order), request));
      expect(codeUrlOf(reply.payment)).toMatch(/^weixin:/);
      expect((await mustSucceed(getOrderCall(h, userId, request.orderId))).order?.status).toBe(OrderStatus.PENDING);
    } finally {
      client.close();
      await moved.stop();
    }
  });

  test('otherwise than before (INVALID_REQUEST) is left as it is: what was told before may still be paid', async () => {
    const userId = await registerUser(h);
    const requestId = newId('order');
    await h.control('/_control/fault', { name: 'drop', times: 3, path: '/v3/pay/transactions/native' });
    expect(await createOrderCall(h, { userId, requestId })).toMatchObject({ reason: 'WECHATPAY_UNAVAILABLE' });
    const [made] = await h.db.query('SELECT id, notify_url, expire_time FROM orders WHERE user_id = ?', [userId]);
    const orderId = String(made?.['id']);

    const env = loadConfig(serviceEnvironment(h.infra, h.db.url, h.simulatorUrl));
    const { WECHATPAY_PUBLIC_KEY_ID: serial = '', WECHATPAY_PUBLIC_KEY: pem = '' } = env;
    const { client: other } = createWechatpay({
      baseUrl: h.simulatorUrl,
      backupBaseUrl: undefined,
      appid: env.WECHATPAY_APPID,
      mchid: env.WECHATPAY_MCHID,
      merchantSerial: env.WECHATPAY_MERCHANT_SERIAL,
      merchantKey: readMerchantKey(env.WECHATPAY_MERCHANT_KEY),
      keyMode: 'public-key',
      publicKey: { serial, pem },
      apiv3Key: env.WECHATPAY_APIV3_KEY,
      certificateRefreshMs: 3_600_000,
      connectTimeoutMs: 5_000,
      breakerFailuresMax: 10,
      breakerOpenMs: 10_000,
      version: 'test',
      clock: systemClock,
      log: createLogger({ level: 'fatal', role: 'all' }),
    });
    const terms = { notifyUrl: String(made?.['notify_url']), expireTime: made?.['expire_time'] as Date };
    const told = { orderId, description: 'another', amount: fen(9900), channel: 'native', ...terms } as const;
    await other.prepay(told, { timeoutMs: 5_000 });
    await other.close();

    const repeated = await createOrderCall(h, { userId, requestId });
    expect(repeated).toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'WECHATPAY_UNAVAILABLE',
      metadata: { wechatpay_code: 'INVALID_REQUEST' },
    });
    expect((await mustSucceed(getOrderCall(h, userId, orderId))).order?.status).toBe(OrderStatus.CREATED);
    const { deliveries } = await h.control('/_control/pay', { order_id: orderId });
    expect(deliveries).toEqual([{ status: 204, body: '' }]);
    expect((await mustSucceed(getOrderCall(h, userId, orderId))).order?.status).toBe(OrderStatus.PAID);
  });
});
