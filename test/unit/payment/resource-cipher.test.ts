import fc from 'fast-check';
import { decryptResource, type EncryptedResource } from '../../../src/payment/wechatpay/resource-cipher';
import { APIV3_KEY, encryptedResource } from './wechat-signer';

function resourceOf(plaintext: string, nonce?: string, associatedData?: string): EncryptedResource {
  const { algorithm, ciphertext, associated_data, nonce: used } = encryptedResource(plaintext, nonce, associatedData);
  return { algorithm, ciphertext, associatedData: associated_data, nonce: used };
}

test('what WeChat encrypts is read back, whatever it says and whether or not there is additional data', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('', 'transaction', '退款'), (plaintext, data) => {
      expect(decryptResource(resourceOf(plaintext, undefined, data), APIV3_KEY).toString('utf8')).toBe(plaintext);
    }),
  );
});

test('any flipped bit of data or tag is refused', () => {
  const resource = resourceOf('{"amount":{"total":9900}}');
  const bits = Buffer.from(resource.ciphertext, 'base64').length * 8;
  for (let bit = 0; bit < bits; bit += 1) {
    const sealed = Buffer.from(resource.ciphertext, 'base64');
    sealed[bit >> 3] = sealed[bit >> 3]! ^ (1 << (bit & 7));
    expect(() => decryptResource({ ...resource, ciphertext: sealed.toString('base64') }, APIV3_KEY)).toThrow(
      expect.objectContaining({ fault: 'authentication' }),
    );
  }
});

test.each([
  ['another algorithm', { algorithm: 'AEAD_SM4_GCM' }, APIV3_KEY, 'algorithm'],
  ['a key of 31 bytes', {}, APIV3_KEY.slice(1), 'key'],
  ['a key of 32 characters but 34 bytes', {}, `${APIV3_KEY.slice(1)}钥`, 'key'],
  ['an empty nonce', { nonce: '' }, APIV3_KEY, 'nonce'],
  ['a nonce of 11 bytes', { nonce: 'fdasflkja48' }, APIV3_KEY, 'nonce'],
  ['a nonce of 17 bytes', { nonce: 'fdasflkja484fdasf' }, APIV3_KEY, 'nonce'],
  ['a ciphertext shorter than its tag', { ciphertext: Buffer.alloc(15).toString('base64') }, APIV3_KEY, 'ciphertext'],
  ['a ciphertext that is no base64', { ciphertext: '!'.repeat(64) }, APIV3_KEY, 'ciphertext'],
  ['an empty ciphertext', { ciphertext: '' }, APIV3_KEY, 'ciphertext'],
  ['another nonce', { nonce: 'fdasflkja485' }, APIV3_KEY, 'authentication'],
  ['other additional data', { associatedData: 'refund' }, APIV3_KEY, 'authentication'],
  ['another APIv3 key', {}, APIV3_KEY.replace('a', 'b'), 'authentication'],
])('%s is refused', (_, change, key, fault) => {
  const resource = { ...resourceOf('secret'), ...change };
  expect(() => decryptResource(resource, key)).toThrow(expect.objectContaining({ fault }));
});
