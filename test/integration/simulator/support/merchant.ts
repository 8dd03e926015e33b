import { createDecipheriv, createSign, createVerify, randomUUID } from 'node:crypto';
import type { Clock } from '../../../../src/platform/clock';
import type { TestMaterial } from './material';

/** What a test may bend in an otherwise correct request. */
export interface Bend {
  readonly method?: string;
  readonly scheme?: string;
  readonly items?: Partial<Record<'mchid' | 'nonce_str' | 'timestamp' | 'serial_no' | 'signature', string | null>>;
  /** Sent instead of the body that was signed. */
  readonly sentBody?: string;
  /** Sent instead of the target that was signed. */
  readonly sentTarget?: string;
  /** null leaves the header out. */
  readonly headers?: Record<string, string | null>;
  /** Gives the call up. */
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** A merchant written from the protocol's description alone; it shares no code with either side under test. */
export class Merchant {
  constructor(
    readonly material: TestMaterial,
    readonly url: string,
    private readonly clock: Clock,
  ) {}

  prepay(outTradeNo: string, notifyUrl: string, more: object = {}, bend: Bend = {}): Promise<Answer> {
    return this.prepayBy('native', outTradeNo, notifyUrl, more, bend);
  }

  prepayBy(product: string, outTradeNo: string, notifyUrl: string, more: object, bend: Bend = {}): Promise<Answer> {
    const { appid, mchid } = this.material;
    const amount = { total: 9900, currency: 'CNY' };
    const required = { appid, mchid, description: '月度会员', out_trade_no: outTradeNo, notify_url: notifyUrl, amount };
    return this.call('POST', `/v3/pay/transactions/${product}`, JSON.stringify({ ...required, ...more }), bend);
  }

  query(outTradeNo: string, bend: Bend = {}): Promise<Answer> {
    const target = `/v3/pay/transactions/out-trade-no/${outTradeNo}?mchid=${this.material.mchid}`;
    return this.call('GET', target, '', bend);
  }

  close(outTradeNo: string, mchid = this.material.mchid): Promise<Answer> {
    const target = `/v3/pay/transactions/out-trade-no/${outTradeNo}/close`;
    return this.call('POST', target, JSON.stringify({ mchid }));
  }

  /** Refunds so many fen of an order of 9 900. */
  refund(outTradeNo: string, outRefundNo: string, fen: number, more: object = {}): Promise<Answer> {
    const amount = { refund: fen, total: 9900, currency: 'CNY' };
    const body = { out_trade_no: outTradeNo, out_refund_no: outRefundNo, amount, ...more };
    return this.call('POST', '/v3/refund/domestic/refunds', JSON.stringify(body));
  }

  queryRefund(outRefundNo: string): Promise<Answer> {
    return this.call('GET', `/v3/refund/domestic/refunds/${outRefundNo}`, '');
  }

  async call(method: string, target: string, body: string, bend: Bend = {}): Promise<Answer> {
    const headers: Record<string, string | null> = {
      accept: 'application/json',
      'user-agent': 'test-merchant/1',
      'wechatpay-serial': this.material.publicKeyId,
      ...(body === '' ? {} : { 'content-type': 'application/json' }),
      authorization: this.authorization(method, target, body, bend),
      ...bend.headers,
    };
    const present = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== null);
    const sent = bend.sentBody ?? body;
    const response = await fetch(`${this.url}${bend.sentTarget ?? target}`, {
      method: bend.method ?? method,
      headers: present,
      ...(sent === '' ? {} : { body: sent }),
      ...(bend.signal === undefined ? {} : { signal: bend.signal }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const text = bytes.toString('utf8');
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      text,
      json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
    };
  }

  async control(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; json: Record<string, unknown> }> {
    const response = await fetch(`${this.url}/_control${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  }

  /** The serial under which a message verifies; undefined when it does not. */
  verifiedSerial(headers: { get(name: string): string | null }, body: string): string | undefined {
    const header = (name: string): string => headers.get(`Wechatpay-${name}`) ?? '';
    const key = this.material.wechatKeys.get(header('Serial'));
    if (key === undefined) return undefined;
    const verifier = createVerify('RSA-SHA256').update(`${header('Timestamp')}\n${header('Nonce')}\n${body}\n`);
    return verifier.verify(key, header('Signature'), 'base64') ? header('Serial') : undefined;
  }

  /** @throws Error when the tag does not match. */
  decrypt(envelope: string): Record<string, unknown> {
    const { resource } = JSON.parse(envelope) as { resource: Record<string, string> };
    return JSON.parse(this.open(resource)) as Record<string, unknown>;
  }

  /** @throws Error when the tag does not match. */
  open(resource: Readonly<Record<string, string>>): string {
    const sealed = Buffer.from(resource['ciphertext'] ?? '', 'base64');
    const key = Buffer.from(this.material.apiv3Key);
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(resource['nonce'] ?? ''), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(resource['associated_data'] ?? ''));
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString('utf8');
  }

  private authorization(method: string, target: string, body: string, bend: Bend): string {
    const timestamp = bend.items?.timestamp ?? String(Math.floor(this.clock.now().getTime() / 1000));
    const nonce = bend.items?.nonce_str ?? randomUUID().replaceAll('-', '');
    const message = `${method}\n${target}\n${timestamp}\n${nonce}\n${body}\n`;
    const items = {
      mchid: this.material.mchid,
      nonce_str: nonce,
      timestamp,
      serial_no: this.material.merchantSerial,
      signature: createSign('RSA-SHA256').update(message).sign(this.material.merchantKey, 'base64'),
      ...bend.items,
    };
    const list = Object.entries(items).flatMap(([name, value]) => (value === null ? [] : [`${name}="${value}"`]));
    return `${bend.scheme ?? 'WECHATPAY2-SHA256-RSA2048'} ${list.join(',')}`;
  }
}
