import { sign } from 'node:crypto';
import { randomAlphanumeric } from './identifiers';
import type { SigningKey } from './material';
import { unixSeconds } from './time';

/** The five headers by which a merchant verifies an answer or a notification. */
export interface SignatureHeaders {
  'Wechatpay-Timestamp': string;
  'Wechatpay-Nonce': string;
  'Wechatpay-Signature': string;
  'Wechatpay-Serial': string;
  'Wechatpay-Signature-Type': string;
}

/** Signs `timestamp LF nonce LF body LF` over the exact bytes that will be sent; a new nonce on every call. */
export function signatureHeaders(key: SigningKey, body: Buffer, at: Date): SignatureHeaders {
  const timestamp = String(unixSeconds(at));
  const nonce = randomAlphanumeric(32);
  const message = Buffer.concat([Buffer.from(`${timestamp}\n${nonce}\n`), body, Buffer.from('\n')]);
  return {
    'Wechatpay-Timestamp': timestamp,
    'Wechatpay-Nonce': nonce,
    'Wechatpay-Signature': sign('RSA-SHA256', message, key.privateKey).toString('base64'),
    'Wechatpay-Serial': key.serial,
    'Wechatpay-Signature-Type': 'WECHATPAY2-SHA256-RSA2048',
  };
}

/** The same signature with one bit turned: well-formed base64 of the right length that no key verifies. */
export function spoiledSignature(signatureBase64: string): string {
  const bytes = Buffer.from(signatureBase64, 'base64');
  bytes.writeUInt8(bytes.readUInt8(7) ^ 1, 7);
  return bytes.toString('base64');
}
