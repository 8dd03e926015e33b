import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'undici';
import { systemClock } from '../../src/platform/clock';
import type { OrderedRow } from './order-message';

/** Where the local WeChat Pay is, and the merchant's material. */
export interface PlainWechatpay {
  readonly url: string;
  readonly materialDir: string;
}

/** Opens an order for payment by QR code and returns the code. */
export type Prepay = (order: OrderedRow) => Promise<string>;

const PATH = '/v3/pay/transactions/native';
const SHANGHAI_OFFSET_MS = 8 * 60 * 60 * 1_000;

/** One request, signed, and its answer, verified: node:crypto and undici, nothing of the service's client. */
export function openPrepay(settings: PlainWechatpay | undefined): Prepay {
  if (settings === undefined) throw new Error('no WeChat Pay was named');
  const read = (file: string): string => readFileSync(join(settings.materialDir, file), 'utf8');
  const { appid, mchid, merchantSerial, publicKeyId } = JSON.parse(read('config.json')) as Record<string, string>;
  const merchantKey = createPrivateKey(read('merchant.key'));
  const publicKey = createPublicKey(read('public.pem'));
  const pool = new Pool(settings.url);

  const authorize = (body: string): string => {
    const timestamp = String(Math.floor(systemClock.machineNow().getTime() / 1_000));
    const nonce = randomBytes(16).toString('hex');
    const message = `POST\n${PATH}\n${timestamp}\n${nonce}\n${body}\n`;
    const signature = sign('RSA-SHA256', Buffer.from(message), merchantKey).toString('base64');
    const items = { mchid, nonce_str: nonce, signature, timestamp, serial_no: merchantSerial };
    const list = Object.entries(items).map(([name, value]) => `${name}="${value}"`);
    return `WECHATPAY2-SHA256-RSA2048 ${list.join(',')}`;
  };
  return async (order) => {
    const body = JSON.stringify({
      appid,
      mchid,
      description: order.plan_name,
      out_trade_no: order.id,
      time_expire: `${new Date(order.expire_time.getTime() + SHANGHAI_OFFSET_MS).toISOString().slice(0, 19)}+08:00`,
      notify_url: order.notify_url,
      amount: { total: order.final_amount, currency: 'CNY' },
    });
    const answer = await pool.request({
      method: 'POST',
      path: PATH,
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        'user-agent': 'billing-guard-bench',
        'wechatpay-serial': publicKeyId,
        authorization: authorize(body),
      },
      body,
    });
    const text = await answer.body.text();
    const header = (name: string): string => String(answer.headers[`wechatpay-${name}`] ?? '');
    const message = `${header('timestamp')}\n${header('nonce')}\n${text}\n`;
    const isSigned =
      header('serial') === publicKeyId &&
      verify('RSA-SHA256', Buffer.from(message), publicKey, Buffer.from(header('signature'), 'base64'));
    if (answer.statusCode !== 200 || !isSigned) throw new Error(`WeChat Pay answered ${answer.statusCode}: ${text}`);
    return (JSON.parse(text) as { code_url: string }).code_url;
  };
}
