import assert from 'node:assert';
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

const MODULUS_BITS_MIN = 2048;

/**
 * The keys WeChat Pay may sign with, by the serial it names in `Wechatpay-Serial`. In public-key mode it holds one
 * `PUB_KEY_ID_…`; while a merchant changes from platform certificates to the public key both kinds are valid at once, so
 * there is never "the" key and never a fallback.
 */
export interface KeyRing {
  get(serial: string): KeyObject | undefined;
}

/** A key ring that can come to know more keys. */
export interface WechatpayKeys extends KeyRing {
  /**
   * Looks for a serial that is not known where new ones are to be had; nothing happens for known ones, or where there is
   * nowhere to look. Never throws: whether it helped, `get` tells. Strangers can cause it, so it is done once a minute
   * at most however many ask.
   */
  learn(serial: string): Promise<void>;
}

/** One key that WeChat Pay signs with. */
export interface PlatformKey {
  /** `PUB_KEY_ID_…`, or the certificate's serial in upper-case hex. */
  readonly serial: string;
  /** SPKI public key in PEM. */
  readonly pem: string;
}

/** A ring of fixed keys. Refuses private keys, keys that are not RSA of at least 2 048 bits, and serials given twice. */
export function createKeyRing(entries: readonly PlatformKey[]): WechatpayKeys {
  // A Map, so that a serial such as `__proto__` finds nothing.
  const ring = new Map<string, KeyObject>();
  for (const { serial, pem } of entries) {
    assert(serial !== '' && !ring.has(serial), `WeChat Pay key serial given twice or empty: ${serial}`);
    // createPublicKey would silently derive the public half of a private key that was put here by mistake.
    assert(!pem.includes('PRIVATE KEY'), `a private key stands where WeChat Pay's public key ${serial} belongs`);
    ring.set(serial, requireRsa(createPublicKey(pem), serial));
  }
  assert(ring.size > 0, 'no WeChat Pay public key is configured');
  return { get: (serial) => ring.get(serial), learn: () => Promise.resolve() };
}

/** Reads the merchant's private key (`apiclient_key.pem`), which signs every request. */
export function readMerchantKey(pem: string): KeyObject {
  return requireRsa(createPrivateKey(pem), 'of the merchant');
}

/** The key itself, when it is RSA of at least 2 048 bits; an assertion fails for any other. */
export function requireRsa(key: KeyObject, whose: string): KeyObject {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  assert(
    key.asymmetricKeyType === 'rsa' && bits >= MODULUS_BITS_MIN,
    `the key ${whose} is not RSA of 2048 bits or more`,
  );
  return key;
}
