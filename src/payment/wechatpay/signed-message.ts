import type { IncomingHttpHeaders } from 'node:http';
import type { KeyRing, WechatpayKeys } from './keys';
import { responseMessage, SIGNATURE_SCHEME, verifySignature } from './signature';

/** Why a message that claims to be WeChat Pay's is not believed. */
export type SignatureFault = 'headers_missing' | 'stale' | 'unknown_serial' | 'signtest' | 'signature_invalid';

/** What a message is checked against. */
export interface SignaturePolicy {
  readonly keys: KeyRing;
  readonly now: Date;
  /** How far the message's timestamp may lie from `now`, to either side. WeChat's own bound is 300. */
  readonly ageMaxSeconds: number;
}

const PROBE_PREFIX = 'WECHATPAY/SIGNTEST/';
const TIMESTAMP = /^[0-9]{1,12}$/;
const NONCE = /^[\x21-\x7e]{1,128}$/;

/**
 * Checks the signature of an answer or a notification over its raw bytes; null means it is WeChat Pay's. The checks
 * run in this order, cheap ones first: headers, age, key by serial, probe, signature. Header names are lower case, as
 * node:http and undici give them.
 */
export function findSignatureFault(
  headers: IncomingHttpHeaders,
  rawBody: Buffer,
  policy: SignaturePolicy,
): SignatureFault | null {
  const timestamp = headers['wechatpay-timestamp'];
  const nonce = headers['wechatpay-nonce'];
  const serial = headers['wechatpay-serial'];
  const signature = headers['wechatpay-signature'];
  const scheme = headers['wechatpay-signature-type'] ?? SIGNATURE_SCHEME;

  if (typeof timestamp !== 'string' || !TIMESTAMP.test(timestamp)) return 'headers_missing';
  if (typeof nonce !== 'string' || !NONCE.test(nonce)) return 'headers_missing';
  if (typeof serial !== 'string' || serial === '') return 'headers_missing';
  if (typeof signature !== 'string' || signature === '') return 'headers_missing';
  if (scheme !== SIGNATURE_SCHEME) return 'signature_invalid';

  const ageMs = policy.now.getTime() - Number(timestamp) * 1_000;
  if (Math.abs(ageMs) > policy.ageMaxSeconds * 1_000) return 'stale';

  const publicKey = policy.keys.get(serial);
  if (publicKey === undefined) return 'unknown_serial';
  if (signature.startsWith(PROBE_PREFIX)) return 'signtest';
  const message = responseMessage(timestamp, nonce, rawBody);
  return verifySignature(publicKey, message, signature) ? null : 'signature_invalid';
}

/**
 * As findSignatureFault, but a serial that is not known is looked for first. That comes after the cheap checks, so that
 * a stale or headless message causes nothing.
 */
export async function findFaultAfterLearning(
  headers: IncomingHttpHeaders,
  rawBody: Buffer,
  policy: SignaturePolicy & { readonly keys: WechatpayKeys },
): Promise<SignatureFault | null> {
  const fault = findSignatureFault(headers, rawBody, policy);
  if (fault !== 'unknown_serial') return fault;
  await policy.keys.learn(String(headers['wechatpay-serial']));
  return findSignatureFault(headers, rawBody, policy);
}
