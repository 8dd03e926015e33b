import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { randomAlphanumeric } from './identifiers';
import type { SigningKey } from './material';
import { spoiledSignature, type SignatureHeaders } from './signature';

/** What can be made wrong with an attempt of a notification. README.md says what each does. */
export const CORRUPTIONS = [
  'body',
  'signature',
  'nonce',
  'timestamp',
  'serial',
  'signtest',
  'stale',
  'ciphertext',
  'not-json',
  'oversized',
  'forged',
] as const;
export type Corruption = (typeof CORRUPTIONS)[number];

const STALE_MS = 600_000;
const OVERSIZE_BYTES = 1_048_576;

/** The instant that is signed: `stale` is signed correctly, but ten minutes ago. */
export function signedInstant(now: Date, corruption: Corruption | undefined): Date {
  return corruption === 'stale' ? new Date(now.getTime() - STALE_MS) : now;
}

let forgersKey: KeyObject | undefined;

/** The key that signs: `forged` is signed by somebody who is not WeChat Pay, yet claims WeChat Pay's serial. */
export function signer(key: SigningKey, corruption: Corruption | undefined): SigningKey {
  if (corruption !== 'forged') return key;
  forgersKey ??= generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
  return { serial: key.serial, privateKey: forgersKey };
}

/** Spoils the body before it is signed: such a notification is authentic, yet unusable. */
export function spoilBeforeSigning(body: Buffer, corruption: Corruption | undefined): Buffer {
  switch (corruption) {
    case 'ciphertext':
      return withOtherCiphertext(body);
    case 'not-json':
      return Buffer.from('<xml><return_code>SUCCESS</return_code></xml>');
    case 'oversized':
      return Buffer.concat([body, Buffer.alloc(OVERSIZE_BYTES, ' ')]);
    default:
      return body;
  }
}

interface SignedMessage {
  readonly headers: SignatureHeaders;
  readonly body: Buffer;
}

/** Spoils what was signed, as a forger or a broken proxy on the way would. */
export function spoilAfterSigning(message: SignedMessage, corruption: Corruption | undefined): SignedMessage {
  const { headers, body } = message;
  const withHeaders = (changed: Partial<SignatureHeaders>): SignedMessage => ({
    headers: { ...headers, ...changed },
    body,
  });
  switch (corruption) {
    case 'body':
      return { headers, body: withOtherCiphertext(body) };
    case 'signature':
      return withHeaders({ 'Wechatpay-Signature': spoiledSignature(headers['Wechatpay-Signature']) });
    case 'nonce':
      return withHeaders({ 'Wechatpay-Nonce': randomAlphanumeric(32) });
    case 'timestamp':
      return withHeaders({ 'Wechatpay-Timestamp': String(Number(headers['Wechatpay-Timestamp']) - 1) });
    case 'serial':
      return withHeaders({ 'Wechatpay-Serial': 'PUB_KEY_ID_0000000000000000000000000000' });
    case 'signtest':
      return withHeaders({ 'Wechatpay-Signature': `WECHATPAY/SIGNTEST/${randomAlphanumeric(325)}` });
    default:
      return message;
  }
}

/** Another first character of the ciphertext: still JSON, still base64, no longer what was encrypted. */
function withOtherCiphertext(body: Buffer): Buffer {
  const spoiled = body
    .toString('utf8')
    .replace(/("ciphertext":")(.)/, (_, key: string, first: string) => `${key}${first === 'A' ? 'B' : 'A'}`);
  return Buffer.from(spoiled);
}
