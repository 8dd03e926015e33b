import assert from 'node:assert';
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

const MODULUS_BITS_MIN = 2048;

/**
 * The keys WeChat Pay may sign with, by the serial it names in `Wechatpay-Serial`. A Map, so that a serial such as
 * `__proto__` finds nothing. In public-key mode it holds one `PUB_KEY_ID_…`; while a merchant changes from platform
 * certificates to the public key both kinds are valid at once, so there is never "the" key and never a fallback.
 */
export type KeyRing = ReadonlyMap<string, KeyObject>;

/** One key that WeChat Pay signs with. */
interface PlatformKey {
  /** `PUB_KEY_ID_…`, or the certificate's serial in upper-case hex. */
  readonly serial: string;
  /** SPKI public key in PEM. */
  readonly pem: string;
}

/** Builds the ring. Refuses private keys, keys that are not RSA of at least 2 048 bits, and serials given twice. */
export function createKeyRing(entries: readonly PlatformKey[]): KeyRing {
  const ring = new Map<string, KeyObject>();
  for (const { serial, pem } of entries) {
    assert(serial !== '' && !ring.has(serial), `WeChat Pay key serial given twice or empty: ${serial}`);
    // createPublicKey would silently derive the public half of a private key that was put here by mistake.
    assert(!pem.includes('PRIVATE KEY'), `a private key stands where WeChat Pay's public key ${serial} belongs`);
    ring.set(serial, requireRsa(createPublicKey(pem), serial));
  }
  assert(ring.size > 0, 'no WeChat Pay public key is configured');
  return ring;
}

/** Reads the merchant's private key (`apiclient_key.pem`), which signs every request. */
export function readMerchantKey(pem: string): KeyObject {
  return requireRsa(createPrivateKey(pem), 'of the merchant');
}

function requireRsa(key: KeyObject, whose: string): KeyObject {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  assert(
    key.asymmetricKeyType === 'rsa' && bits >= MODULUS_BITS_MIN,
    `the key ${whose} is not RSA of 2048 bits or more`,
  );
  return key;
}
