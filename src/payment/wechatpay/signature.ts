import { sign, verify, type KeyObject } from 'node:crypto';

/**
 * The signature arithmetic of WeChat Pay API v3: pure, no clock, no I/O. Messages are bytes, because what is signed is
 * exactly what travels; any re-serialisation breaks it.
 * Source: pay.weixin.qq.com/doc/v3/merchant/4012365336 (requests) and 4013053249 (answers and notifications).
 */

/** The one scheme this service speaks: RSASSA-PKCS1-v1_5 with SHA-256 over RSA-2048. */
export const SIGNATURE_SCHEME = 'WECHATPAY2-SHA256-RSA2048';

const DIGEST = 'RSA-SHA256';
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** What a request's signature covers. */
interface SignedRequest {
  /** Upper case. */
  readonly method: string;
  /** Absolute path with the raw query exactly as sent; no host, no fragment. */
  readonly canonicalUrl: string;
  /** Unix seconds in decimal digits. */
  readonly timestamp: string;
  readonly nonce: string;
  /** The bytes sent; empty for a request without a body. */
  readonly body: Buffer;
}

/** Five lines, each ended by LF; a body that ends in LF still gets one more. */
export function requestMessage(request: SignedRequest): Buffer {
  const { method, canonicalUrl, timestamp, nonce, body } = request;
  return Buffer.concat([Buffer.from(`${method}\n${canonicalUrl}\n${timestamp}\n${nonce}\n`), body, Buffer.from('\n')]);
}

/** Three lines, each ended by LF; the third is empty for an answer without a body. `body` is what came, unparsed. */
export function responseMessage(timestamp: string, nonce: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${timestamp}\n${nonce}\n`), body, Buffer.from('\n')]);
}

/** The signature in padded standard base64 on one line (344 characters for RSA-2048). */
export function signMessage(privateKey: KeyObject, message: Buffer): string {
  return sign(DIGEST, message, privateKey).toString('base64');
}

/** Whether `signature` is a signature of `message` by this key. Only canonical base64 counts. */
export function verifySignature(publicKey: KeyObject, message: Buffer, signature: string): boolean {
  if (!BASE64.test(signature)) return false;
  const bytes = Buffer.from(signature, 'base64');
  if (bytes.toString('base64') !== signature) return false;
  return verify(DIGEST, message, publicKey, bytes);
}

/** What the Authorization header tells beside the scheme. */
interface Authorization {
  readonly mchid: string;
  /** Serial of the merchant certificate, 40 upper-case hex digits; never WeChat's own. */
  readonly merchantSerial: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly signature: string;
}

/** The Authorization header's value: one space after the scheme, commas without spaces between the items. */
export function authorizationHeader(parts: Authorization): string {
  const items = {
    mchid: parts.mchid,
    nonce_str: parts.nonce,
    timestamp: parts.timestamp,
    serial_no: parts.merchantSerial,
    signature: parts.signature,
  };
  const list = Object.entries(items).map(([name, value]) => `${name}="${value}"`);
  return `${SIGNATURE_SCHEME} ${list.join(',')}`;
}
