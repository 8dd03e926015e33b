import type { CheckOrderParts } from '../../src/order';
import { createWechatpay, readMerchantKey, type WechatpayClient } from '../../src/payment';
import { loadConfig } from '../../src/platform/config';
import { createFieldCipher } from '../../src/platform/crypto/field-cipher';
import { createLogger } from '../../src/platform/log';
import { serviceEnvironment, type Harness } from './harness';
import { openServiceDatabase } from './service-database';

/** What orders are checked with, for a test that calls the functions themselves, beside a service that runs. */
export interface OrderParts extends CheckOrderParts {
  readonly wechatpay: WechatpayClient;
  close(): Promise<void>;
}

const SILENT = createLogger({ level: 'fatal', role: 'worker', destination: { write: () => undefined } });

/** The parts as the service builds them, on pools and connections of their own. */
export function openOrderParts(h: Harness): OrderParts {
  const config = loadConfig(serviceEnvironment(h.infra, h.db.url, h.simulatorUrl));
  const { WECHATPAY_PUBLIC_KEY_ID: serial, WECHATPAY_PUBLIC_KEY: pem, WECHATPAY_MCHID: mchid } = config;
  const { WECHATPAY_APPID: appid } = config;
  const db = openServiceDatabase(h.infra, h.db);
  const { client } = createWechatpay({
    baseUrl: config.WECHATPAY_BASE_URL,
    backupBaseUrl: undefined,
    appid,
    mchid,
    merchantSerial: config.WECHATPAY_MERCHANT_SERIAL,
    merchantKey: readMerchantKey(config.WECHATPAY_MERCHANT_KEY),
    keyMode: config.WECHATPAY_KEY_MODE,
    publicKey: serial === undefined || pem === undefined ? undefined : { serial, pem },
    apiv3Key: config.WECHATPAY_APIV3_KEY,
    certificateRefreshMs: 3_600_000,
    connectTimeoutMs: config.WECHATPAY_CONNECT_TIMEOUT_MS,
    breakerFailuresMax: config.WECHATPAY_BREAKER_FAILURES_MAX,
    breakerOpenMs: config.WECHATPAY_BREAKER_OPEN_MS,
    version: 'test',
    clock: h.clock,
    log: SILENT,
  });
  return {
    db,
    clock: h.clock,
    log: SILENT,
    merchant: { mchid, appid },
    refundNotifyUrl: new URL('/wechatpay/notify/refund', h.edgeUrl).href,
    onStatus: () => undefined,
    wechatpay: client,
    wechatpayTimeoutMs: 10_000,
    cipher: createFieldCipher(config.DATA_KEYS),
    close: async () => {
      await client.close();
      await db.knex.destroy();
    },
  };
}
