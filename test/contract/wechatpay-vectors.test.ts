import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createKeyRing } from '../../src/payment/wechatpay/keys';
import { verifyNotification } from '../../src/payment/wechatpay/notification-verifier';
import { decryptResource } from '../../src/payment/wechatpay/resource-cipher';
import {
  authorizationHeader,
  requestMessage,
  responseMessage,
  signMessage,
  verifySignature,
} from '../../src/payment/wechatpay/signature';
import { findSignatureFault } from '../../src/payment/wechatpay/signed-message';
import { signedHeaders } from '../unit/payment/wechat-signer';

/**
 * Our signature and cipher code against official and constructed WeChat Pay vectors, from the file that the
 * environment variable WECHATPAY_VECTORS names. Without the variable there is nothing to compare with.
 */
const path = process.env['WECHATPAY_VECTORS'];

/** One vector. Beside id and category it has the fields of its category only. */
interface Vector {
  readonly id: string;
  readonly category: string;
  readonly key: string;
  readonly verify_with?: readonly string[];
  readonly message: string;
  readonly negative_messages: readonly string[];
  readonly expected_signature: string;
  readonly method: string;
  readonly canonical_url: string;
  readonly request_url: string;
  readonly timestamp: string;
  readonly nonce_str: string;
  readonly body: string;
  readonly mchid: string;
  readonly serial_no: string;
  readonly header_template: string;
  readonly cases: readonly Pick<Vector, 'method' | 'canonical_url' | 'body' | 'message'>[];
  readonly headers: Record<string, string>;
  readonly apiv3_key: string;
  readonly freeze_clock_at: number;
  readonly key_utf8: string;
  readonly nonce: string;
  readonly associated_data: string;
  readonly ciphertext: string;
  readonly expected_plaintext: string;
  readonly expected_resource_plaintext: string;
  readonly expected_outcome: string;
  readonly json: { readonly event_type: string; readonly resource: unknown };
}
interface VectorFile {
  readonly keys: Record<string, { readonly pem: string }>;
  readonly vectors: readonly Vector[];
}

const file: VectorFile =
  path === undefined ? { keys: {}, vectors: [] } : (JSON.parse(readFileSync(path, 'utf8')) as VectorFile);

/** Categories whose code comes with a later step: pay-sign, certificate mode, bills. */
const LATER = ['pay-signature', 'certificates-response', 'bill-csv', 'bill-csv-fragment'];

const publicKey = (name: string): KeyObject => createPublicKey(file.keys[name]!.pem);
const lowerCase = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** The request message of a vector, or of one of its cases. */
function messageOf(vector: Vector, canonicalUrl: string, part: Pick<Vector, 'method' | 'body'> = vector): Buffer {
  const { timestamp, nonce_str: nonce } = vector;
  return requestMessage({ method: part.method, canonicalUrl, timestamp, nonce, body: Buffer.from(part.body) });
}

/** Verifies what a notification vector carries and gives its decrypted resource. */
function openNotification(vector: Vector): string {
  const headers = lowerCase(vector.headers);
  const name = vector.verify_with?.[0] ?? '';
  const pem = publicKey(name).export({ type: 'spki', format: 'pem' }).toString();
  const keys = createKeyRing([{ serial: headers['wechatpay-serial']!, pem }]);
  const now = new Date(Number(vector.freeze_clock_at) * 1_000);
  const envelope = verifyNotification(headers, Buffer.from(vector.body), { keys, now, ageMaxSeconds: 300 });
  return decryptResource(envelope.resource, vector.apiv3_key).toString('utf8');
}

const checks: Record<string, (vector: Vector) => void> = {
  'request-signature': (vector) => {
    const message = messageOf(vector, vector.canonical_url);
    expect(message.toString()).toBe(vector.message);
    // The file holds public halves only; the signature is deterministic, so verifying it is reproducing it.
    expect(verifySignature(publicKey(vector.key), message, vector.expected_signature)).toBe(true);
    expect(verifySignature(publicKey(vector.key), Buffer.concat([message, message]), vector.expected_signature)).toBe(
      false,
    );
  },
  'raw-signature': (vector) => {
    const names: string[] = [vector.key, ...(vector.verify_with ?? [])];
    for (const name of names) {
      expect(verifySignature(publicKey(name), Buffer.from(vector.message), vector.expected_signature)).toBe(true);
      for (const other of vector.negative_messages) {
        expect(verifySignature(publicKey(name), Buffer.from(other), vector.expected_signature)).toBe(false);
      }
    }
  },
  'authorization-format': (vector) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const part of vector.cases) {
      const message = messageOf(vector, part.canonical_url, part);
      expect(message.toString()).toBe(part.message);
      const signature = signMessage(privateKey, message);
      const header = authorizationHeader({
        mchid: vector.mchid,
        merchantSerial: vector.serial_no,
        timestamp: vector.timestamp,
        nonce: vector.nonce_str,
        signature,
      });
      const values = [
        'WECHATPAY2-SHA256-RSA2048',
        vector.mchid,
        vector.nonce_str,
        vector.timestamp,
        vector.serial_no,
        signature,
      ];
      const template = vector.header_template.replace('<schema>', '..');
      expect(header).toBe(values.reduce<string>((text, value) => text.replace('..', String(value)), template));
    }
  },
  'message-format': (vector) => {
    const { pathname, search } = new URL(vector.request_url);
    expect(messageOf(vector, `${pathname}${search}`).toString()).toBe(vector.message);
  },
  'aes-gcm': (vector) => {
    const resource = {
      algorithm: 'AEAD_AES_256_GCM',
      ciphertext: vector.ciphertext,
      associatedData: vector.associated_data,
      nonce: vector.nonce,
    };
    expect(decryptResource(resource, vector.key_utf8).toString('utf8')).toBe(vector.expected_plaintext);
    expect(() => decryptResource({ ...resource, associatedData: 'other' }, vector.key_utf8)).toThrow();
  },
  callback: (vector) => {
    expect(vector.expected_outcome).toMatch(/^accept/);
    expect(openNotification(vector)).toBe(vector.expected_resource_plaintext);
  },
  'callback-negative': (vector) => {
    expect(vector.expected_outcome).toMatch(/^reject/);
    expect(() => openNotification(vector)).toThrow(
      expect.objectContaining({ name: 'NotificationRefused', httpStatus: 401 }),
    );
  },
  'response-signature': (vector) => {
    const headers = lowerCase(vector.headers);
    const body = Buffer.from(vector.body);
    const key = publicKey(vector.key);
    const { 'wechatpay-timestamp': timestamp, 'wechatpay-nonce': nonce, 'wechatpay-serial': serial } = headers;
    expect(responseMessage(timestamp!, nonce!, body).toString()).toBe(vector.message);
    const policy = { keys: new Map([[serial!, key]]), now: new Date(Number(timestamp) * 1_000), ageMaxSeconds: 300 };
    expect(findSignatureFault(headers, body, policy)).toBeNull();
    expect(findSignatureFault(headers, Buffer.concat([body, Buffer.from(' ')]), policy)).toBe('signature_invalid');
  },
  'sample-json': (vector) => {
    const sample = vector.json;
    const { privateKey, publicKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const now = new Date('2026-07-01T04:00:05Z');
    const policy = { keys: new Map([['PUB_KEY_ID_1', key]]), now, ageMaxSeconds: 300 };
    const text = JSON.stringify(sample);
    const headers = signedHeaders(privateKey, text, now, 'PUB_KEY_ID_1');
    expect(verifyNotification(headers, Buffer.from(text), policy).eventType).toBe(sample.event_type);
  },
};

(path === undefined ? describe.skip : describe)('WeChat Pay vectors (WECHATPAY_VECTORS names the file)', () => {
  test('every category is covered here or listed for a later step', () => {
    const known = [...Object.keys(checks), ...LATER];
    expect(file.vectors.map(({ category }) => category).filter((category) => !known.includes(category))).toEqual([]);
    expect(file.vectors.length).toBeGreaterThan(0);
  });

  for (const vector of file.vectors.filter(({ category }) => Object.hasOwn(checks, category))) {
    test(`${vector.category}: ${vector.id}`, () => checks[vector.category]?.(vector));
  }
});
