import { generateKeyPairSync } from 'node:crypto';
import { createKeyRing, readMerchantKey } from '../../../src/payment/wechatpay/keys';
import { makeKeyPair, PUBLIC_KEY_ID } from './wechat-signer';

const { publicPem, privatePem } = makeKeyPair();

test('a key is found by exactly its serial and by nothing that merely exists on objects', () => {
  const ring = createKeyRing([{ serial: PUBLIC_KEY_ID, pem: publicPem }]);
  expect(ring.get(PUBLIC_KEY_ID)?.type).toBe('public');
  for (const serial of ['__proto__', 'constructor', 'toString', PUBLIC_KEY_ID.toLowerCase(), '']) {
    expect(ring.get(serial)).toBeUndefined();
  }
});

test('a ring of fixed keys has nowhere to look for others', async () => {
  const ring = createKeyRing([{ serial: PUBLIC_KEY_ID, pem: publicPem }]);
  await ring.learn('4A00');
  expect(ring.get('4A00')).toBeUndefined();
});

test('a ring is refused that is empty, names a serial twice, or holds a private or a weak key', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' });
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' });
  const entry = { serial: PUBLIC_KEY_ID, pem: publicPem };
  expect(() => createKeyRing([])).toThrow(/no WeChat Pay public key/);
  expect(() => createKeyRing([entry, entry])).toThrow(/twice/);
  expect(() => createKeyRing([{ ...entry, pem: privatePem }])).toThrow(/private key/);
  expect(() => createKeyRing([{ ...entry, pem: weak.toString() }])).toThrow(/not RSA/);
  expect(() => createKeyRing([{ ...entry, pem: curve.toString() }])).toThrow(/not RSA/);
});

test('the merchant key must be a private RSA key', () => {
  expect(readMerchantKey(privatePem).type).toBe('private');
  expect(() => readMerchantKey(publicPem)).toThrow();
});
