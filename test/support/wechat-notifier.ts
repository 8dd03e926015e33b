import { createCipheriv, createSign, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Harness } from './harness';

/**
 * WeChat Pay's notifications under a test's full control: signed and encrypted with the run's material by code of its
 * own, so that any part can be made wrong before or after the signing.
 */

/** Our order, as far as a notification tells it. */
interface PaidFacts {
  readonly orderId: string;
  readonly amount?: number;
  readonly transactionId?: string;
  /** Members of the resource that replace the right ones. */
  readonly lies?: Readonly<Record<string, unknown>>;
}

/** A notification ready to be sent. */
export interface Notification {
  readonly transactionId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What the edge answered. `code` is the body's, undefined without a body. */
export interface EdgeAnswer {
  readonly status: number;
  readonly code: unknown;
}

/** A refund, as far as a notification tells it. */
interface RefundFacts {
  readonly orderId: string;
  readonly transactionId: string;
  readonly status?: 'SUCCESS' | 'CLOSED' | 'ABNORMAL';
  readonly refundId?: string;
  readonly outRefundNo?: string;
  readonly amount?: number;
  /** Members of the resource that replace the right ones. */
  readonly lies?: Readonly<Record<string, unknown>>;
}

/** Whose clock and material it is made with. */
type Maker = Pick<Harness, 'infra' | 'clock'>;

export const OPENID = 'oTestPayerOpenid0123456789ab';

interface Merchant {
  readonly mchid: string;
  readonly appid: string;
  readonly apiv3Key: string;
  readonly publicKeyId: string;
}

function merchantOf(h: Maker): Merchant {
  return JSON.parse(readFileSync(join(h.infra.wechatpayDir, 'config.json'), 'utf8')) as Merchant;
}

/** A transaction id in WeChat Pay's form. */
export function newTransactionId(): string {
  return `4200${BigInt(`0x${randomBytes(11).toString('hex')}`)}`.padEnd(28, '0').slice(0, 28);
}

/** Now, as WeChat Pay writes it. */
function momentOf(h: Maker): string {
  return `${new Date(h.clock.now().getTime() + 28_800_000).toISOString().slice(0, 19)}+08:00`;
}

/** The decrypted resource of a payment of the monthly plan. */
export function transactionOf(h: Maker, facts: PaidFacts): Record<string, unknown> {
  const { mchid, appid } = merchantOf(h);
  const total = facts.amount ?? 9900;
  return {
    mchid,
    appid,
    out_trade_no: facts.orderId,
    transaction_id: facts.transactionId ?? newTransactionId(),
    trade_type: 'NATIVE',
    trade_state: 'SUCCESS',
    bank_type: 'OTHERS',
    success_time: momentOf(h),
    payer: { openid: OPENID },
    amount: { total, payer_total: total, currency: 'CNY', payer_currency: 'CNY' },
    ...facts.lies,
  };
}

/** An envelope around a resource, encrypted with the APIv3 key. */
export function envelope(h: Maker, resource: object, eventType = 'TRANSACTION.SUCCESS', apiv3Key?: string): object {
  const nonce = randomBytes(6).toString('hex');
  const cipher = createCipheriv('aes-256-gcm', apiv3Key ?? merchantOf(h).apiv3Key, nonce);
  cipher.setAAD(Buffer.from('transaction'));
  const data = [cipher.update(JSON.stringify(resource), 'utf8'), cipher.final(), cipher.getAuthTag()];
  const ciphertext = Buffer.concat(data).toString('base64');
  const algorithm = 'AEAD_AES_256_GCM';
  return {
    id: `EV-${randomBytes(8).toString('hex')}`,
    create_time: '2026-07-01T12:00:05+08:00',
    resource_type: 'encrypt-resource',
    event_type: eventType,
    summary: '支付成功',
    resource: { original_type: 'transaction', algorithm, ciphertext, associated_data: 'transaction', nonce },
  };
}

/** The headers WeChat Pay would sign a body with, at an instant of the service's clock. */
export function signedHeaders(h: Maker, body: Buffer, ageMs = 0): Record<string, string> {
  const timestamp = String(Math.floor((h.clock.now().getTime() - ageMs) / 1_000));
  const nonce = randomBytes(16).toString('hex');
  const key = readFileSync(join(h.infra.wechatpayDir, 'public.key'));
  const signer = createSign('sha256').update(`${timestamp}\n${nonce}\n`).update(body).update('\n');
  return {
    'content-type': 'application/json',
    'wechatpay-timestamp': timestamp,
    'wechatpay-nonce': nonce,
    'wechatpay-serial': merchantOf(h).publicKeyId,
    'wechatpay-signature': signer.sign(key, 'base64'),
    'wechatpay-signature-type': 'WECHATPAY2-SHA256-RSA2048',
  };
}

/** A notification of any content, rightly signed. */
export function signedNotification(h: Maker, content: object | Buffer, ageMs = 0): Notification {
  const body = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  return { transactionId: '', headers: signedHeaders(h, body, ageMs), body };
}

/** The notification of a payment: true but for `facts.lies`. */
export function paidNotification(h: Maker, facts: PaidFacts, ageMs = 0): Notification {
  const transaction = transactionOf(h, facts);
  const transactionId = String(transaction['transaction_id']);
  return { ...signedNotification(h, envelope(h, transaction), ageMs), transactionId };
}

/** The decrypted resource of a refund of the monthly plan. */
export function refundOf(h: Maker, facts: RefundFacts): Record<string, unknown> {
  const { orderId, transactionId, status = 'SUCCESS', amount = 9900 } = facts;
  const refundId = facts.refundId ?? newTransactionId().replace(/^4200/, '5030');
  return {
    mchid: merchantOf(h).mchid,
    out_trade_no: orderId,
    transaction_id: transactionId,
    refund_id: refundId,
    out_refund_no: facts.outRefundNo ?? `R-${refundId}`,
    refund_status: status,
    ...(status === 'SUCCESS' ? { success_time: momentOf(h) } : {}),
    user_received_account: '招商银行信用卡0403',
    amount: { total: 9900, refund: amount, payer_total: 9900, payer_refund: amount },
    ...facts.lies,
  };
}

/** The notification of a refund: true but for `facts.lies`. */
export function refundNotification(h: Maker, facts: RefundFacts): Notification {
  const refund = refundOf(h, facts);
  const { transactionId, status = 'SUCCESS' } = facts;
  return { ...signedNotification(h, envelope(h, refund, `REFUND.${status}`)), transactionId };
}

/** Sends a notification to the edge as WeChat Pay does. */
export async function notify(h: Harness, { headers, body }: Notification, path = 'transaction'): Promise<EdgeAnswer> {
  const url = `${h.edgeUrl}/wechatpay/notify/${path}`;
  const answer = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
  const text = await answer.text();
  const parsed: unknown = text === '' ? {} : JSON.parse(text);
  return { status: answer.status, code: (parsed as { code?: unknown }).code };
}
