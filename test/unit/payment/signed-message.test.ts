import type { KeyObject } from 'node:crypto';
import { findFaultAfterLearning } from '../../../src/payment/wechatpay/signed-message';
import type { WechatpayKeys } from '../../../src/payment/wechatpay/keys';
import { makeKeyPair, signedHeaders } from './wechat-signer';

const NOW = new Date('2026-07-01T04:00:05Z');
const { privateKey, publicKey } = makeKeyPair();
const SERIAL = '4A00';

/** A ring that comes to know its one key when it is asked to. */
function learningRing(found: KeyObject | undefined): WechatpayKeys & { readonly learned: string[] } {
  const learned: string[] = [];
  return {
    learned,
    get: (serial) => (learned.includes(serial) ? found : undefined),
    learn: (serial) => Promise.resolve(void learned.push(serial)),
  };
}
const judge = (headers: Record<string, string>, keys: WechatpayKeys) =>
  findFaultAfterLearning(headers, Buffer.from('{}'), { keys, now: NOW, ageMaxSeconds: 300 });

test('a serial that is not known is looked for, and then the signature decides', async () => {
  await expect(judge(signedHeaders(privateKey, '{}', NOW, SERIAL), learningRing(publicKey))).resolves.toBeNull();
  const forged = signedHeaders(makeKeyPair().privateKey, '{}', NOW, SERIAL);
  await expect(judge(forged, learningRing(publicKey))).resolves.toBe('signature_invalid');
  const headers = signedHeaders(privateKey, '{}', NOW, SERIAL);
  await expect(judge(headers, learningRing(undefined))).resolves.toBe('unknown_serial');
});

test('what fails a cheaper check causes no search', async () => {
  const keys = learningRing(publicKey);
  const stale = signedHeaders(privateKey, '{}', new Date(NOW.getTime() - 301_000), SERIAL);
  await expect(judge(stale, keys)).resolves.toBe('stale');
  await expect(judge({ 'wechatpay-serial': SERIAL }, keys)).resolves.toBe('headers_missing');
  expect(keys.learned).toEqual([]);
});
