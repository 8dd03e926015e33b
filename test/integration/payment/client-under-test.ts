import { readMerchantKey } from '../../../src/payment/wechatpay/keys';
import { createWechatpay, type Wechatpay, type WechatpayOptions } from '../../../src/payment/wechatpay/wechatpay';
import type { Clock } from '../../../src/platform/clock';
import { fen } from '../../../src/platform/money';
import { APIV3_KEY, makeKeyPair, PUBLIC_KEY_ID, signedHeaders } from '../../unit/payment/wechat-signer';
import type { Answer } from './answering-server';

/** The client under test, its merchant, and a WeChat Pay that signs what a test tells it to answer. */
export const NOW = new Date('2026-07-01T04:00:05Z');
export const REQUEST_ID = '08F5B8C2B506102C18FDDFEEA30620BE821E28EDC405-0';
export const APPID = 'wxd678efb567ab6787';
export const MCHID = '1900007291';
export const merchant = makeKeyPair();
export const wechat = makeKeyPair();
export const clock: Clock = { now: () => NOW, machineNow: () => NOW };
export const budget = { timeoutMs: 10_000 };
export const unavailable = { name: 'DomainError', reason: 'WECHATPAY_UNAVAILABLE', code: 'UNAVAILABLE' };

export const prepay = {
  channel: 'native',
  orderId: 'T20260701120000001',
  description: '月度会员 "¥99" 🎉',
  amount: fen(9900),
  expireTime: new Date('2026-07-01T04:30:05Z'),
  notifyUrl: 'https://pay.example.com/wechatpay/notify/transaction',
} as const;
export const CODE_URL = 'weixin://wxpay/bizpayurl?pr=abc';
export const opened = { channel: 'native', codeUrl: CODE_URL };

/** What a client logged, line by line. */
export type Lines = Record<string, unknown>[];

/** A client with the settings of production, but for what a test changes. */
export function openClient(baseUrl: string, lines: Lines, change: Partial<WechatpayOptions> = {}): Wechatpay {
  const write = (fields: Readonly<Record<string, unknown>>): number => lines.push(fields);
  return createWechatpay({
    baseUrl,
    backupBaseUrl: undefined,
    appid: APPID,
    mchid: MCHID,
    merchantSerial: '408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB',
    merchantKey: readMerchantKey(merchant.privatePem),
    keyMode: 'public-key',
    publicKey: { serial: PUBLIC_KEY_ID, pem: wechat.publicPem },
    apiv3Key: APIV3_KEY,
    certificateRefreshMs: 3_600_000,
    connectTimeoutMs: 5_000,
    breakerFailuresMax: 10,
    breakerOpenMs: 10_000,
    version: '1.2.3',
    clock,
    log: { info: write, warn: write },
    ...change,
  });
}

/** A signed answer; `change` alters headers after signing. */
export function signed(status: number, body: string, change: Record<string, string> = {}, at = NOW): Answer {
  const headers = { ...signedHeaders(wechat.privateKey, body, at), 'request-id': REQUEST_ID, ...change };
  return (response) => response.writeHead(status, headers).end(body);
}

/** An answer without signature headers. */
export function bare(status: number, body: string | Buffer): Answer {
  return (response) => response.writeHead(status, { 'request-id': REQUEST_ID }).end(body);
}

/** The signed answer to a prepay of `prepay`. */
export const ok = signed(200, JSON.stringify({ code_url: CODE_URL }));
/** The connection breaks without an answer. */
export const dropped: Answer = (response) => response.destroy();
